import { crc32 } from '../base/crc32.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import { BLANK_BYTES, positionAt, verifyRecord } from '../message/record.ts'
import { type BlockSum, BlockSums, type SumState } from './block-sums.ts'
import { sealAt } from './seal.ts'
import type { Segments } from './segments.ts'

const READ_BYTES = 4 * 1024 * 1024
/** Far beyond the largest batch: a log that goes on without a seal for so long is not ours. */
const UNSEALED_BYTES_MAX = 256 * 1024 * 1024

export interface ScanEnd {
  /** Where the log ends: behind the last sound record, or behind the last seal that fits where seals count. */
  readonly end: LogPosition
  /** Rolling CRC of the log below the end. */
  readonly rolling: number
  /** Sum of the block that the end is in, and the blocks that were completed on the way. */
  readonly sums: SumState
  readonly blocks: readonly BlockSum[]
  /** What stands there instead: undefined when the log simply ends (zeros, or no further file). */
  readonly damage: string | undefined
}

export interface ScanOptions {
  readonly recordBytesMax: number
  /**
   * From this position on, where a seal ends, records count only with the seal behind them, and the rolling CRC there is
   * this one. `rolling` undefined: seals count from the first one that is met. Undefined: another broker wrote here since,
   * without seals.
   */
  readonly seals: { readonly from: LogPosition; readonly rolling: number | undefined } | undefined
  /** Sum of the block in which seals begin to count, up to there; blocks before are not summed up. */
  readonly sums: SumState
  readonly segmentBytes: number
  /** Called for each record that counts, in log order. The buffer is the caller's to keep. */
  readonly onRecord: (bytes: Buffer, at: number, sizeBytes: number) => void
  /** Called when everything below the position counts, with the rolling CRC there. */
  readonly onSeal: (position: LogPosition, rolling: number) => void
  /** Between two reads: time to bring to disk what gathered. */
  readonly pause: () => Promise<void>
}

/**
 * Walks the log record by record from a position where one starts, to the first place where none does. Reads ahead in large
 * pieces; a record that a piece cuts is read again with the next.
 */
export async function scanLog(segments: Segments, from: LogPosition, options: ScanOptions): Promise<ScanEnd> {
  const scan = new Scan(from, options)
  while (scan.position < segments.end && !scan.isOver) {
    const segmentEnd = segments.startOf(scan.position) + segments.sizeBytes
    let wanted = READ_BYTES
    while (scan.position < segmentEnd && !scan.isOver) {
      const length = Math.min(wanted, segmentEnd - scan.position)
      const bytes = await segments.read(scan.position, length)
      wanted = Math.max(
        READ_BYTES,
        scan.piece(bytes, segmentEnd, bytes.length === segmentEnd - scan.position),
      )
      if (bytes.length < length) scan.stop(undefined)
      await options.pause()
    }
  }
  return scan.end()
}

class Scan {
  readonly #options: ScanOptions
  #position: LogPosition
  /** Everything below counts. */
  #confirmed: LogPosition
  #rolling: number
  /** Rolling CRC of everything up to the position, confirmed or not; undefined until the first seal when nothing tells it. */
  #rollingNow: number | undefined
  readonly #sums: BlockSums
  readonly #blocks: BlockSum[] = []
  /** State of the sums at what counts. */
  #sumState: SumState
  #blockCount = 0
  #waiting: { readonly bytes: Buffer; readonly at: number; readonly sizeBytes: number }[] = []
  #damage: string | undefined
  #isOver = false

  constructor(from: LogPosition, options: ScanOptions) {
    this.#options = options
    this.#position = from
    this.#confirmed = from
    const { seals } = options
    this.#sums = new BlockSums(options.sums, options.segmentBytes)
    this.#sumState = options.sums
    this.#rollingNow = seals?.rolling
    this.#rolling = seals?.rolling ?? 0
  }

  get position(): LogPosition {
    return this.#position
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes in the bytes at the position. Returns how many it wants to see of what comes next. */
  piece(bytes: Buffer, segmentEnd: number, isLast: boolean): number {
    const limits = { maxSizeBytes: this.#options.recordBytesMax }
    let at = 0
    while (!this.#isOver) {
      const check = verifyRecord(bytes, at, bytes.length, limits)
      if (check.kind === 'incomplete') {
        if (isLast || check.neededBytes > segmentEnd - this.#position)
          this.stop('a record that its file cuts off')
        return check.neededBytes
      }
      if (check.kind === 'bad') this.stop(isZero(bytes, at) ? undefined : check.reason)
      else if (check.kind === 'blank') {
        this.#blank(bytes, at, check.sizeBytes, segmentEnd)
        return 0
      } else {
        this.#record(bytes, at, check.sizeBytes)
        at += check.sizeBytes
      }
    }
    return 0
  }

  stop(damage: string | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#damage = damage
  }

  end(): ScanEnd {
    const isCut = this.#confirmed < this.#position
    return {
      end: this.#confirmed,
      rolling: this.#rolling,
      sums: this.#sumState,
      blocks: this.#blocks.slice(0, this.#blockCount),
      damage: this.#damage ?? (isCut ? 'records without the seal that ends a write' : undefined),
    }
  }

  #blank(bytes: Buffer, at: number, sizeBytes: number, segmentEnd: number): void {
    if (this.#position + sizeBytes !== segmentEnd) {
      this.stop('a blank that does not end its file')
      return
    }
    const isSealed = this.#areSealed
    if (isSealed) this.#roll(bytes.subarray(at, at + BLANK_BYTES))
    this.#sum(bytes.subarray(at, at + BLANK_BYTES))
    this.#position = logPosition(segmentEnd)
    if (!isSealed) this.#confirm()
  }

  #record(bytes: Buffer, at: number, sizeBytes: number): void {
    if (positionAt(bytes, at) !== this.#position) {
      this.stop('the record names another position')
      return
    }
    const isSealed = this.#areSealed
    const seal = this.#options.seals === undefined ? undefined : sealAt(bytes, at)
    if (isSealed && seal !== undefined && seal !== this.#rollingNow) {
      this.stop('the seal of a write does not fit its bytes')
      return
    }
    if (this.#position - this.#confirmed > UNSEALED_BYTES_MAX) {
      this.stop('no seal for longer than any write is')
      return
    }
    if (seal === undefined) this.#waiting.push({ bytes, at, sizeBytes })
    else this.#rollingNow ??= seal
    if (this.#rollingNow !== undefined && this.#isBeyondStart) this.#roll(bytes.subarray(at, at + sizeBytes))
    this.#sum(bytes.subarray(at, at + sizeBytes))
    this.#position = logPosition(this.#position + sizeBytes)
    if (seal !== undefined || !isSealed) this.#confirm()
  }

  get #isBeyondStart(): boolean {
    return this.#position >= (this.#options.seals?.from ?? Number.POSITIVE_INFINITY)
  }

  /** Seals count at the position. */
  get #areSealed(): boolean {
    return this.#isBeyondStart && this.#rollingNow !== undefined
  }

  #roll(bytes: Buffer): void {
    this.#rollingNow = crc32(bytes, this.#rollingNow)
  }

  #sum(bytes: Buffer): void {
    const known = this.#options.sums.position - this.#position
    if (known <= 0) this.#sums.add(this.#position, bytes, this.#blocks)
    else if (known < bytes.length)
      this.#sums.add(this.#options.sums.position, bytes.subarray(known), this.#blocks)
  }

  #confirm(): void {
    for (const { bytes, at, sizeBytes } of this.#waiting) this.#options.onRecord(bytes, at, sizeBytes)
    this.#waiting = []
    this.#confirmed = this.#position
    this.#rolling = this.#rollingNow ?? 0
    this.#sumState = this.#sums.state
    this.#blockCount = this.#blocks.length
    this.#options.onSeal(this.#confirmed, this.#rolling)
  }
}

/** Unwritten space: eight zero bytes where a record would begin. */
const isZero = (bytes: Buffer, at: number): boolean =>
  bytes.readInt32BE(at) === 0 && bytes.readInt32BE(at + 4) === 0
