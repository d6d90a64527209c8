import { FrameError } from './errors.ts'

/*
 * A frame. Big endian.
 *
 *      0         4      5                8                8+n
 *      +---------+------+----------------+----------------+----------+
 *      | length  | form | headerLength n | header …       | body …   |
 *      +---------+------+----------------+----------------+----------+
 *
 * `length` counts everything behind itself.
 */
export const LENGTH_BYTES = 4
export const FRAME_HEAD_BYTES = 8

/** The frame is buffer[start, end); nobody writes to these bytes again. False stops the decoder for now. */
export type FrameListener = (buffer: Buffer, start: number, end: number) => boolean

/** A frame that spans chunks grows in steps of this: a length alone makes nobody allocate 16 MiB. */
const FIRST_CAPACITY = 64 * 1024

/**
 * Cuts a stream of chunks into frames. Frames within one chunk are handed on as they are; one that spans chunks is
 * gathered in a buffer of its own. Throws FrameError, after which the decoder is of no more use.
 */
export class FrameDecoder {
  readonly #frameBytesMax: number
  /** The length field so far, while it has less than four bytes. */
  readonly #head = Buffer.alloc(LENGTH_BYTES)
  #headBytes = 0
  #partial: Buffer | undefined
  #filled = 0
  /** Size of the frame in #partial, its length field included. */
  #frameBytes = 0

  constructor(limits: { readonly frameBytesMax: number }) {
    this.#frameBytesMax = limits.frameBytesMax
  }

  /** Bytes of an unfinished frame that are held here. */
  get pendingBytes(): number {
    return this.#partial === undefined ? this.#headBytes : this.#filled
  }

  /**
   * Returns how many bytes of the chunk are done with: all of them, unless the listener stopped; the rest is then pushed again
   * later.
   */
  push(chunk: Buffer, onFrame: FrameListener): number {
    let at = 0
    if (this.pendingBytes > 0) {
      at = this.#gather(chunk)
      const frame = this.#partial
      if (frame === undefined || this.#filled < this.#frameBytes) return at
      this.#partial = undefined
      if (!onFrame(frame, 0, this.#frameBytes)) return at
    }
    while (chunk.length - at >= LENGTH_BYTES) {
      const end = at + this.#frameSizeAt(chunk, at)
      if (end > chunk.length) break
      const start = at
      at = end
      if (!onFrame(chunk, start, end)) return at
    }
    if (at < chunk.length) this.#keep(chunk, at)
    return chunk.length
  }

  #frameSizeAt(buffer: Buffer, at: number): number {
    const length = buffer.readInt32BE(at)
    if (length >= LENGTH_BYTES && length <= this.#frameBytesMax - LENGTH_BYTES) return length + LENGTH_BYTES
    throw new FrameError(lengthProblem(buffer, at, length, this.#frameBytesMax))
  }

  /** Adds to what earlier chunks began. Returns how much of the chunk that took. */
  #gather(chunk: Buffer): number {
    let at = 0
    if (this.#partial === undefined) {
      at = Math.min(LENGTH_BYTES - this.#headBytes, chunk.length)
      chunk.copy(this.#head, this.#headBytes, 0, at)
      this.#headBytes += at
      if (this.#headBytes < LENGTH_BYTES) return at
      this.#start(this.#head, 0, LENGTH_BYTES)
    }
    const end = at + Math.min(this.#frameBytes - this.#filled, chunk.length - at)
    this.#append(chunk, at, end)
    return end
  }

  #keep(chunk: Buffer, at: number): void {
    if (chunk.length - at < LENGTH_BYTES) {
      chunk.copy(this.#head, 0, at)
      this.#headBytes = chunk.length - at
    } else this.#start(chunk, at, chunk.length)
  }

  /** Begins a frame with the bytes [at, end), the length field among them. */
  #start(buffer: Buffer, at: number, end: number): void {
    this.#frameBytes = this.#frameSizeAt(buffer, at)
    this.#headBytes = 0
    this.#filled = 0
    this.#partial = Buffer.allocUnsafe(Math.min(this.#frameBytes, FIRST_CAPACITY))
    this.#append(buffer, at, end)
  }

  #append(buffer: Buffer, at: number, end: number): void {
    const filled = this.#filled + end - at
    let partial = this.#partial
    if (partial === undefined || partial.length < filled) {
      // Doubling: at most as much again is copied as was received, and at most twice of it is allocated.
      const grown = Buffer.allocUnsafe(
        Math.min(this.#frameBytes, Math.max(filled, 2 * (partial?.length ?? 0))),
      )
      partial?.copy(grown, 0, 0, this.#filled)
      this.#partial = grown
      partial = grown
    }
    buffer.copy(partial, this.#filled, at, end)
    this.#filled = filled
  }
}

const TLS_HANDSHAKE = 0x16

/** Says what the bytes look like: nearly always it is another protocol on this port. */
function lengthProblem(buffer: Buffer, at: number, length: number, max: number): string {
  if (buffer[at] === TLS_HANDSHAKE && buffer[at + 1] === 3)
    return 'TLS handshake on a port that speaks plain text'
  const start = buffer.toString('latin1', at, at + LENGTH_BYTES)
  if (/^(GET |POST|PUT |HEAD|DELE|OPTI|PATC|CONN|PRI )$/.test(start)) return 'HTTP request on a remoting port'
  if (start === 'PROX' || start === '\r\n\r\n')
    return 'PROXY protocol header from an address that is not trusted'
  return `frame length ${length}, allowed are ${LENGTH_BYTES} to ${max - LENGTH_BYTES}`
}
