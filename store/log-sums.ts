import { assert } from '../base/assert.ts'
import { crc32 } from '../base/crc32.ts'
import { type LogPosition, logPosition } from '../base/units.ts'

/** Bytes that one sum covers, counted from the start of each segment; the last block of a segment may be shorter. */
export const SUM_BLOCK_BYTES = 64 * 1024

const ZEROS = Buffer.alloc(SUM_BLOCK_BYTES)

export interface SumState {
  /** Start of the block that is being filled. */
  readonly blockStart: LogPosition
  /** Chain of the sums of all whole blocks before it. */
  readonly chain: number
}

/**
 * CRC-32 of every whole block of the log as it is written, and a chain over those sums: a few bytes that vouch for
 * everything up to a position. Record CRCs cover bodies only; this covers every byte.
 */
export class LogSums {
  readonly #segmentBytes: number
  readonly #onBlock: (blockStart: LogPosition, sum: number) => void
  #blockStart: number
  #blockEnd: number
  #position: number
  #crc = 0
  #chain: number
  readonly #word = Buffer.alloc(4)
  /** States at the starts of blocks since the last one asked for, oldest first. */
  readonly #history: SumState[]

  constructor(
    state: SumState,
    segmentBytes: number,
    onBlock: (blockStart: LogPosition, sum: number) => void,
  ) {
    this.#segmentBytes = segmentBytes
    this.#onBlock = onBlock
    this.#blockStart = state.blockStart
    this.#blockEnd = this.#endOf(state.blockStart)
    this.#position = state.blockStart
    this.#chain = state.chain
    this.#history = [state]
  }

  /** Start of the block that holds the position. */
  static blockStart(position: LogPosition, segmentBytes: number): LogPosition {
    return logPosition(position - ((position % segmentBytes) % SUM_BLOCK_BYTES))
  }

  get position(): LogPosition {
    return logPosition(this.#position)
  }

  /** The state at the block with this position, which must not be older than the last one asked for. */
  stateAt(position: LogPosition): SumState {
    let index = this.#history.length - 1
    while (index > 0 && (this.#history[index]?.blockStart ?? 0) > position) index--
    this.#history.splice(0, index)
    const state = this.#history[0]
    assert(state !== undefined && state.blockStart <= position, 'sums are asked for in log order')
    return state
  }

  /** Vouches for all bytes up to the position. */
  get hash(): number {
    return this.#link(this.#crc)
  }

  /** The next bytes of the log. A jump ahead (to the next segment) stands for zeros; what is known already is left out. */
  add(at: LogPosition, all: Uint8Array): void {
    const known = this.#position - at
    if (known >= all.length) return
    if (known < 0) this.skipTo(at)
    const bytes = known > 0 ? all.subarray(known) : all
    let from = 0
    while (from < bytes.length) {
      const count = Math.min(bytes.length - from, this.#blockEnd - this.#position)
      this.#absorb(from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count))
      from += count
    }
  }

  /** The rest of a segment behind its blank: the block at hand ends in zeros, whole blocks of zeros have no sum. */
  skipTo(position: LogPosition): void {
    if (this.#position > this.#blockStart)
      this.#absorb(ZEROS.subarray(0, Math.min(this.#blockEnd, position) - this.#position))
    if (this.#position >= position) return
    this.#startBlock(LogSums.blockStart(position, this.#segmentBytes))
    this.#position = this.#blockStart
    if (this.#position < position) this.#absorb(ZEROS.subarray(0, position - this.#position))
  }

  #absorb(bytes: Uint8Array): void {
    this.#crc = crc32(bytes, this.#crc)
    this.#position += bytes.length
    if (this.#position < this.#blockEnd) return
    this.#onBlock(logPosition(this.#blockStart), this.#crc)
    this.#chain = this.#link(this.#crc)
    this.#crc = 0
    this.#startBlock(this.#blockEnd)
  }

  #startBlock(blockStart: number): void {
    this.#blockStart = blockStart
    this.#blockEnd = this.#endOf(blockStart)
    this.#history.push({ blockStart: logPosition(blockStart), chain: this.#chain })
  }

  #link(crc: number): number {
    this.#word.writeUInt32BE(crc)
    return crc32(this.#word, this.#chain)
  }

  #endOf(blockStart: number): number {
    const segmentStart = blockStart - (blockStart % this.#segmentBytes)
    return Math.min(blockStart + SUM_BLOCK_BYTES, segmentStart + this.#segmentBytes)
  }
}
