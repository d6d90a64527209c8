import type { Clock } from '../base/clock.ts'
import { crc32 } from '../base/crc32.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import { BLANK_BYTES, encodeBlank } from '../message/record.ts'
import type { Batch, PendingPut, Run } from './batch.ts'
import { type BlockSum, BlockSums, type SumState } from './block-sums.ts'
import { encodeSeal, SEAL_BYTES } from './seal.ts'
import type { Segments } from './segments.ts'
import { StoreError } from './store.ts'
import { type Chunk, Tail } from './tail.ts'

/** Bounds what one turn of the loop has to do when a write comes back. */
const BATCH_PUTS_MAX = 4096
const BATCH_BYTES_MAX = 8 * 1024 * 1024

/**
 * Gives records their place at the end of the log and gathers them into batches. Nothing here waits: a record is placed,
 * encoded into the tail and added within one call of its put.
 */
export class Appender {
  readonly tail: Tail
  readonly #segments: Segments
  readonly #clock: Clock
  readonly #failed: (error: StoreError) => void
  #end: LogPosition
  #segmentEnd: LogPosition
  /** Rolling CRC of everything below the open batch. */
  #rolling: number
  readonly #sums: BlockSums
  #openStart: LogPosition
  #open: PendingPut[] = []
  #sealed: Batch[] = []
  #isHeld = false
  /** When the first of the waiting puts came. */
  #sinceMs = 0

  constructor(
    start: LogPosition,
    rolling: number,
    sums: SumState,
    tailCacheBytes: number,
    parts: {
      readonly segments: Segments
      readonly clock: Clock
      readonly failed: (error: StoreError) => void
    },
  ) {
    this.tail = new Tail(tailCacheBytes)
    this.#segments = parts.segments
    this.#clock = parts.clock
    this.#failed = parts.failed
    this.#end = start
    this.#openStart = start
    this.#rolling = rolling
    this.#sums = new BlockSums(sums, parts.segments.sizeBytes)
    this.#segmentEnd = this.#endOfSegment(start)
  }

  /** Where the next record goes. */
  get end(): LogPosition {
    return this.#end
  }

  get isEmpty(): boolean {
    return this.#open.length === 0 && this.#sealed.length === 0
  }

  get sinceMs(): number {
    return this.#sinceMs
  }

  /** Position that a record of this size will have. A record that does not fit ends its segment with a blank. */
  place(sizeBytes: number): LogPosition {
    if (this.#end + sizeBytes + BLANK_BYTES > this.#segmentEnd) this.#roll()
    return this.#end
  }

  /** The chunk to encode the record into, at `chunk.used`; `add` must follow. */
  reserve(sizeBytes: number): Chunk {
    const isSegmentStart = this.#end === this.#segmentEnd - this.#segments.sizeBytes
    return this.tail.reserve(this.#end, sizeBytes, isSegmentStart)
  }

  /** The record stands in the chunk now. */
  add(chunk: Chunk, put: PendingPut): void {
    if (this.isEmpty) this.#sinceMs = this.#clock.monotonicMs()
    this.#advance(chunk, put.sizeBytes)
    this.#open.push(put)
    if (!this.#isHeld) this.#sealIfLarge()
  }

  /** The puts from here to `release` stay in one batch. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.#sealIfLarge()
  }

  /** The next batch to write; undefined when nothing waits. */
  take(): Batch | undefined {
    if (this.#sealed.length === 0 && this.#open.length > 0) this.#seal()
    return this.#sealed.shift()
  }

  /** The store has stopped: the puts that waited, and nothing will follow. */
  discard(): PendingPut[] {
    const waiting = [...this.#sealed.flatMap((batch) => batch.puts), ...this.#open]
    this.#sealed = []
    this.#open = []
    return waiting
  }

  /** Forgets everything from the position on, where a batch began; returns the puts that waited there. */
  rollBack(position: LogPosition, rolling: number, sums: SumState): PendingPut[] {
    const waiting = this.discard()
    this.#end = position
    this.#openStart = position
    this.#rolling = rolling
    this.#sums.reset(sums)
    this.#segmentEnd = this.#endOfSegment(position)
    this.tail.cut(position)
    return waiting
  }

  #advance(chunk: Chunk, sizeBytes: number): void {
    chunk.used += sizeBytes
    this.#end = logPosition(this.#end + sizeBytes)
  }

  #sealIfLarge(): void {
    if (this.#open.length >= BATCH_PUTS_MAX || this.#end - this.#openStart >= BATCH_BYTES_MAX) this.#seal()
  }

  #seal(): void {
    const start = this.#openStart
    const rollingStart = this.#rolling
    const sumsStart = this.#sums.state
    const sums: BlockSum[] = []
    const position = this.place(SEAL_BYTES)
    let rolling = rollingStart
    for (const piece of this.tail.pieces(start, position)) {
      rolling = crc32(piece.bytes, rolling)
      this.#sums.add(piece.position, piece.bytes, sums)
    }
    const chunk = this.reserve(SEAL_BYTES)
    encodeSeal(chunk.bytes, chunk.used, position, rolling, this.#clock.now())
    const seal = chunk.bytes.subarray(chunk.used, chunk.used + SEAL_BYTES)
    rolling = crc32(seal, rolling)
    this.#sums.add(position, seal, sums)
    this.#advance(chunk, SEAL_BYTES)
    this.#sealed.push({
      start,
      end: this.#end,
      rollingStart,
      rolling,
      sums,
      sumsStart,
      sumsEnd: this.#sums.state,
      puts: this.#open,
      runs: this.#runs(start, this.#end),
      startedAtMs: 0,
      isWritten: false,
      isAnswered: false,
    })
    this.#open = []
    this.#openStart = this.#end
    this.#rolling = rolling
  }

  #runs(start: LogPosition, end: LogPosition): Run[] {
    const runs: Run[] = []
    for (const piece of this.tail.pieces(start, end)) {
      const segment = this.#segments.startOf(piece.position)
      const last = runs.at(-1)
      if (last !== undefined && last.segment === segment) last.buffers.push(piece.bytes)
      else runs.push({ segment, position: piece.position, buffers: [piece.bytes] })
    }
    return runs
  }

  #roll(): void {
    const room = this.#segmentEnd - this.#end
    if (room < this.#segments.sizeBytes) {
      const chunk = this.reserve(BLANK_BYTES)
      encodeBlank(chunk.bytes, chunk.used, room)
      chunk.used += BLANK_BYTES
    }
    this.#end = this.#segmentEnd
    this.#segmentEnd = logPosition(this.#segmentEnd + this.#segments.sizeBytes)
    // The roll after this one should find its segment ready. That it could not be made shows when it is written to, but a
    // failed sync counts at once.
    this.#segments.prepare(this.#segmentEnd).catch((error: unknown) => {
      if (error instanceof StoreError) this.#failed(error)
    })
  }

  #endOfSegment(position: LogPosition): LogPosition {
    return logPosition(this.#segments.startOf(position) + this.#segments.sizeBytes)
  }
}
