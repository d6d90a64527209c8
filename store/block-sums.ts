import { crc32 } from '../base/crc32.ts'
import { type LogPosition, logPosition } from '../base/units.ts'

/** Bytes that one sum covers, counted from the start of each segment; the last block of a segment may be shorter. */
export const SUM_BLOCK_BYTES = 64 * 1024

const ZEROS = Buffer.alloc(SUM_BLOCK_BYTES)

export interface BlockSum {
  readonly start: LogPosition
  readonly crc: number
}

/** How far the block at the end of the log is summed up. */
export interface SumState {
  readonly blockStart: LogPosition
  readonly position: LogPosition
  readonly crc: number
}

export const sumBlockStart = (position: LogPosition, segmentBytes: number): LogPosition =>
  logPosition(position - ((position % segmentBytes) % SUM_BLOCK_BYTES))

export const sumBlockEnd = (blockStart: LogPosition, segmentBytes: number): LogPosition =>
  logPosition(Math.min(blockStart + SUM_BLOCK_BYTES, blockStart - (blockStart % segmentBytes) + segmentBytes))

/**
 * CRC-32 of each block of the log, as it grows. Seals vouch for what was just written; these let a reader check any old block by
 * itself, headers and properties included, which no record CRC covers.
 */
export class BlockSums {
  readonly #segmentBytes: number
  #blockStart: LogPosition
  #blockEnd: LogPosition
  #position: number
  #crc: number

  constructor(state: SumState, segmentBytes: number) {
    this.#segmentBytes = segmentBytes
    this.#blockStart = state.blockStart
    this.#blockEnd = sumBlockEnd(state.blockStart, segmentBytes)
    this.#position = state.position
    this.#crc = state.crc
  }

  get state(): SumState {
    return { blockStart: this.#blockStart, position: logPosition(this.#position), crc: this.#crc }
  }

  /** Goes back to an earlier state: what came since was refused. */
  reset(state: SumState): void {
    this.#blockStart = state.blockStart
    this.#blockEnd = sumBlockEnd(state.blockStart, this.#segmentBytes)
    this.#position = state.position
    this.#crc = state.crc
  }

  /** The next bytes of the log; the blocks that they complete go to `done`. A jump ahead stands for zeros. */
  add(at: LogPosition, bytes: Uint8Array, done: BlockSum[]): void {
    if (at > this.#position) this.skipTo(at, done)
    let from = 0
    while (from < bytes.length) {
      const count = Math.min(bytes.length - from, this.#blockEnd - this.#position)
      this.#absorb(from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count), done)
      from += count
    }
  }

  /** The rest of a segment behind its blank: the block at hand ends in zeros, blocks of nothing but zeros have no sum. */
  skipTo(position: LogPosition, done: BlockSum[]): void {
    if (this.#position > this.#blockStart)
      this.#absorb(ZEROS.subarray(0, Math.min(this.#blockEnd, position) - this.#position), done)
    if (this.#position >= position) return
    this.#startBlock(sumBlockStart(position, this.#segmentBytes))
    if (this.#position < position) this.#absorb(ZEROS.subarray(0, position - this.#position), done)
  }

  #absorb(bytes: Uint8Array, done: BlockSum[]): void {
    this.#crc = crc32(bytes, this.#crc)
    this.#position += bytes.length
    if (this.#position < this.#blockEnd) return
    done.push({ start: this.#blockStart, crc: this.#crc })
    this.#startBlock(this.#blockEnd)
  }

  #startBlock(start: LogPosition): void {
    this.#blockStart = start
    this.#blockEnd = sumBlockEnd(start, this.#segmentBytes)
    this.#position = start
    this.#crc = 0
  }
}
