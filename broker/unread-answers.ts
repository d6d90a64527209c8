import type { Peer } from '../remoting/peer.ts'

/**
 * What a connection may have unread or being read for it. Pulls that are answered at once stop its reading long before; of those that
 * wait for something, the disk or a message, many can be read before the first of them is answered.
 */
export const UNREAD_BYTES_MAX = 32 * 1024 * 1024

/** How much of our memory each connection binds by answers that it has not taken. */
export class UnreadAnswers {
  /** Peer id → bytes that reads from disk under way may bring. */
  readonly #reading = new Map<number, number>()
  /** Peer id → bytes that were read in this turn of the event loop and leave by a promise, so that the peer does not show them yet. */
  readonly #leaving = new Map<number, number>()

  isTooMuch(peer: Peer): boolean {
    const reading = this.#reading.size === 0 ? 0 : (this.#reading.get(peer.id) ?? 0)
    const leaving = this.#leaving.size === 0 ? 0 : (this.#leaving.get(peer.id) ?? 0)
    return peer.unsentBytes + reading + leaving > UNREAD_BYTES_MAX
  }

  /** A read of at most so many bytes begins; `read` ends it. */
  reading(peer: Peer, bytesMax: number): void {
    this.#reading.set(peer.id, (this.#reading.get(peer.id) ?? 0) + bytesMax)
  }

  read(peer: Peer, bytesMax: number): void {
    const left = (this.#reading.get(peer.id) ?? 0) - bytesMax
    if (left <= 0) this.#reading.delete(peer.id)
    else this.#reading.set(peer.id, left)
  }

  /** An answer of so many bytes leaves by a promise. */
  leaving(peer: Peer, bytes: number): void {
    if (this.#leaving.size === 0) setImmediate(() => this.#leaving.clear())
    this.#leaving.set(peer.id, (this.#leaving.get(peer.id) ?? 0) + bytes)
  }
}
