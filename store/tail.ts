import { assert } from '../base/assert.ts'
import { type LogPosition, logPosition } from '../base/units.ts'

/** A stretch of the log in memory: bytes [0, used) are the log from `start` on. Never crosses a segment. */
export interface Chunk {
  readonly start: number
  readonly bytes: Buffer
  used: number
}

export const CHUNK_BYTES = 1024 * 1024

/**
 * The end of the log in memory: records are encoded straight into it, written from it and read from it. A chunk is filled
 * once and then left to the garbage collector, so views of readable records may be held for ever.
 */
export class Tail {
  readonly #maxBytes: number
  #chunks: Chunk[] = []
  #bytes = 0
  #last: Chunk | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** A chunk with room for `size` bytes at `position`, which is the end of the log or the start of its next segment. */
  reserve(position: LogPosition, size: number, isSegmentStart: boolean): Chunk {
    const last = this.#last
    if (last !== undefined && !isSegmentStart && last.used + size <= last.bytes.length) {
      assert(last.start + last.used === position, 'the tail goes on where it ended')
      return last
    }
    const chunk: Chunk = {
      start: position,
      bytes: Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, size)),
      used: 0,
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.bytes.length
    this.#last = chunk
    return chunk
  }

  /** First position that is in memory; the end of the log when nothing is. */
  start(end: LogPosition): LogPosition {
    return logPosition(this.#chunks[0]?.start ?? end)
  }

  /** The bytes [position, position + size) as a view, or undefined when they are not all here. */
  view(position: LogPosition, size: number): Buffer | undefined {
    const chunk = this.#chunkAt(position)
    if (chunk === undefined) return undefined
    const from = position - chunk.start
    return from >= 0 && from + size <= chunk.used ? chunk.bytes.subarray(from, from + size) : undefined
  }

  /** The views that together hold [from, to), chunk by chunk. */
  *pieces(from: LogPosition, to: LogPosition): Generator<{ position: LogPosition; bytes: Buffer }> {
    for (let index = this.#indexOf(from); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]
      if (chunk === undefined || chunk.start >= to) return
      const start = Math.max(from, chunk.start)
      const end = Math.min(to, chunk.start + chunk.used)
      if (start < end)
        yield {
          position: logPosition(start),
          bytes: chunk.bytes.subarray(start - chunk.start, end - chunk.start),
        }
    }
  }

  /** Forgets everything from `position` on: those puts were refused. */
  cut(position: LogPosition): void {
    while (this.#last !== undefined && this.#last.start >= position) {
      this.#chunks.pop()
      this.#bytes -= this.#last.bytes.length
      this.#last = this.#chunks.at(-1)
    }
    if (this.#last !== undefined) this.#last.used = Math.min(this.#last.used, position - this.#last.start)
  }

  /** Lets go of the oldest chunks above the budget, as far as they are on disk (below `written`). */
  shrink(written: LogPosition): void {
    let drop = 0
    while (this.#bytes > this.#maxBytes) {
      const chunk = this.#chunks[drop]
      if (chunk === undefined || chunk === this.#last || chunk.start + chunk.used > written) break
      this.#bytes -= chunk.bytes.length
      drop++
    }
    if (drop > 0) this.#chunks.splice(0, drop)
  }

  #chunkAt(position: LogPosition): Chunk | undefined {
    const last = this.#last
    if (last === undefined) return undefined
    if (position >= last.start) return last
    return this.#chunks[this.#indexOf(position)]
  }

  /** Index of the last chunk that starts at or below the position; 0 when none does. */
  #indexOf(position: LogPosition): number {
    let low = 0
    let high = this.#chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#chunks[middle]?.start ?? 0) <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}
