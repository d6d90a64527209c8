import type { ReceivedMessage } from './message.ts'

/**
 * The messages of one queue between pull and acknowledgement. The offset that may be committed is that of the first
 * message which is not done: a crash repeats messages, it never skips one. Pure state, no I/O.
 */
export class ProcessQueue {
  /** Not yet handed out, in offset order. */
  readonly #waiting: ReceivedMessage[] = []
  /** Offsets handed out or waiting, ascending; done ones are taken from the front only. */
  readonly #open: number[] = []
  readonly #done = new Set<number>()
  #bytes = 0
  /** Where the next pull starts; committed when nothing is open. */
  #nextOffset: number
  /** Set when the queue went to another member: nothing is handed out or committed any more. */
  isDropped = false

  constructor(nextOffset: number) {
    this.#nextOffset = nextOffset
  }

  get nextOffset(): number {
    return this.#nextOffset
  }

  /** Messages that are pulled and not done. */
  get openCount(): number {
    return this.#open.length - this.#done.size
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The spread between the oldest open message and the newest: one stuck message must not let the rest run away. */
  get span(): number {
    const first = this.#open[0]
    return first === undefined ? 0 : this.#nextOffset - first
  }

  add(messages: readonly ReceivedMessage[], nextOffset: number): void {
    for (const message of messages) {
      this.#waiting.push(message)
      this.#open.push(message.queueOffset)
      this.#bytes += message.body.length
    }
    this.#nextOffset = nextOffset
  }

  /** Up to `count` messages in order. */
  take(count: number): ReceivedMessage[] {
    return this.#waiting.splice(0, count)
  }

  /** Back to the front of the line, for in-place retry of ordered messages. */
  putBack(messages: readonly ReceivedMessage[]): void {
    this.#waiting.unshift(...messages)
  }

  finish(message: ReceivedMessage): void {
    this.#done.add(message.queueOffset)
    this.#bytes -= message.body.length
    let finished = 0
    while (finished < this.#open.length && this.#done.delete(this.#open[finished] ?? -1)) finished++
    if (finished > 0) this.#open.splice(0, finished)
  }

  /** Everything below is done. */
  get commitOffset(): number {
    return this.#open[0] ?? this.#nextOffset
  }
}
