import { hash } from 'node:crypto'

/** Where an acknowledged message has to be found again. */
export interface Entry {
  readonly id: string
  readonly queueId: number
  readonly queueOffset: number
  readonly digest: string
}

/** The promise given for a message, kept in the memory of the process that is not killed. */
export class Ledger {
  readonly #acked = new Map<string, Entry>()
  /** Sent, and no answer, or one that leaves it open: may be there or not. */
  readonly #unknown = new Map<string, string>()
  /** Per queue, by offset: what a reader found, which no other reader may find otherwise. */
  readonly #read = new Map<number, Map<number, string>>()
  /** Highest offset that was asked to be committed, per queue. */
  readonly committed = new Map<number, number>()

  sending(id: string, body: Uint8Array): void {
    this.#unknown.set(id, digestOf(body))
  }

  acked(id: string, queueId: number, queueOffset: number): void {
    const digest = this.#unknown.get(id)
    if (digest === undefined) throw new Error(`${id} was acknowledged twice`)
    this.#unknown.delete(id)
    this.#acked.set(id, { id, queueId, queueOffset, digest })
  }

  refused(id: string): void {
    // Even a refusal does not prove that nothing was stored before the process died.
    if (!this.#unknown.has(id)) throw new Error(`${id} was refused after it was acknowledged`)
  }

  get ackedCount(): number {
    return this.#acked.size
  }

  /**
   * Compares what was read from a queue, from an offset on, with what was promised. Returns what is wrong: losses, other
   * bytes, other places, messages that nobody sent, an offset that held something else before.
   */
  compare(
    queueId: number,
    from: number,
    messages: readonly { readonly id: string; readonly offset: number; readonly body: Uint8Array }[],
  ): string[] {
    const problems: string[] = []
    const seen = this.#read.get(queueId) ?? new Map<number, string>()
    this.#read.set(queueId, seen)
    let expected = from
    for (const { id, offset, body } of messages) {
      if (offset !== expected) problems.push(`queue ${queueId}: offset ${offset} follows ${expected - 1}`)
      expected = offset + 1
      const entry = this.#acked.get(id)
      const digest = entry?.digest ?? this.#unknown.get(id)
      if (digest === undefined) problems.push(`queue ${queueId} offset ${offset}: ${id} was never sent`)
      else if (digest !== digestOf(body))
        problems.push(`queue ${queueId} offset ${offset}: ${id} has other bytes`)
      if (entry !== undefined && (entry.queueId !== queueId || entry.queueOffset !== offset))
        problems.push(
          `${id} was promised at ${entry.queueId}/${entry.queueOffset}, it is at ${queueId}/${offset}`,
        )
      const before = seen.get(offset)
      if (before !== undefined && before !== id)
        problems.push(`queue ${queueId} offset ${offset} was ${before} and is ${id}`)
      seen.set(offset, id)
    }
    return problems
  }

  /** Acknowledged messages that no reader found. Every queue must have been read to its end. */
  lost(): readonly Entry[] {
    const lost: Entry[] = []
    for (const entry of this.#acked.values())
      if (this.#read.get(entry.queueId)?.get(entry.queueOffset) !== entry.id) lost.push(entry)
    return lost
  }

  /** A message that is at two offsets. */
  repeated(): readonly string[] {
    const places = new Map<string, string>()
    const repeated: string[] = []
    for (const [queueId, offsets] of this.#read)
      for (const [offset, id] of offsets) {
        if (places.has(id)) repeated.push(`${id} at ${places.get(id)} and at ${queueId}/${offset}`)
        places.set(id, `${queueId}/${offset}`)
      }
    return repeated
  }

  /** Reading starts over: after a crash everything has to be found again. */
  forgetReads(): void {
    this.#read.clear()
  }
}

const digestOf = (body: Uint8Array): string => hash('sha1', body, 'base64')
