import { type LogPosition, logPosition } from '../base/units.ts'
import { MAGIC_V1, MAGIC_V2, magicAt, positionAt, RECORD_MIN_BYTES, sizeAt } from '../message/record.ts'
import type { BlockCache } from './block-cache.ts'
import { SUM_BLOCK_BYTES, sumBlockEnd, sumBlockStart } from './block-sums.ts'
import type { Segments } from './segments.ts'
import { StoreError } from './store.ts'
import type { SumFiles } from './sum-files.ts'
import type { Tail } from './tail.ts'

/** Bytes per cached block of the log, counted from the start of each segment: a few blocks of sums. */
export const LOG_BLOCK_BYTES = 4 * SUM_BLOCK_BYTES

export interface LogReaderParts {
  readonly tail: Tail
  readonly segments: Segments
  readonly cache: BlockCache
  readonly sumFiles: SumFiles
  /** End of what may be read. */
  readonly end: () => LogPosition
}

/** Reads bytes of the log from memory or, through the shared block cache, from its files, where every block is checked. */
export class LogReader {
  readonly #parts: LogReaderParts
  /** Starts of sum blocks that are not what was written. What lies in them is not served. */
  readonly #damaged = new Set<number>()

  constructor(parts: LogReaderParts) {
    this.#parts = parts
  }

  /** The bytes as a view of memory, or undefined when a block has to be loaded for them. Throws StoreError 'corrupt'. */
  view(position: LogPosition, size: number): Buffer | undefined {
    const recent = this.#parts.tail.view(position, size)
    if (recent !== undefined) return recent
    const start = this.#blockStart(position)
    const block = this.#parts.cache.get(start)
    if (block === undefined) return undefined
    if (this.#damaged.size > 0) this.#refuseDamaged(position, size)
    const from = position - start
    if (from + size <= block.length) return block.subarray(from, from + size)
    return block.length < LOG_BLOCK_BYTES ? undefined : this.#joined(start, block, from, size)
  }

  /** A record that goes on in the next block is copied together. */
  #joined(start: LogPosition, block: Buffer, from: number, size: number): Buffer | undefined {
    if (size > LOG_BLOCK_BYTES) return undefined
    const next = this.#parts.cache.get(start + LOG_BLOCK_BYTES)
    const missing = from + size - LOG_BLOCK_BYTES
    if (next === undefined || next.length < missing) return undefined
    return Buffer.concat([block.subarray(from), next.subarray(0, missing)], size)
  }

  /** Brings what `view` misses into the cache. Rejects with DiskError. */
  async load(position: LogPosition, size: number): Promise<void> {
    let start = this.#blockStart(position)
    while (start < position + size) {
      const block = this.#parts.cache.get(start)
      const wanted = Math.min(position + size - start, LOG_BLOCK_BYTES)
      if (block === undefined || block.length < wanted) await this.#loadBlock(start)
      start = logPosition(start + LOG_BLOCK_BYTES)
    }
  }

  /** Starts reading the block behind the one with this position, for those who read on. */
  prefetch(position: LogPosition): void {
    const { tail, segments, cache, end } = this.#parts
    const next = logPosition(this.#blockStart(position) + LOG_BLOCK_BYTES)
    if (next + LOG_BLOCK_BYTES > tail.start(end()) || cache.has(next)) return
    if (next % segments.sizeBytes < LOG_BLOCK_BYTES) return
    this.#loadBlock(next).catch(() => undefined)
  }

  #loadBlock(start: LogPosition): Promise<Buffer> {
    const { segments, cache, end } = this.#parts
    const segmentEnd = segments.startOf(start) + segments.sizeBytes
    const length = Math.min(LOG_BLOCK_BYTES, segmentEnd - start, end() - start)
    return cache.load(start, () => this.#readChecked(start, length))
  }

  /** The bytes, from wherever they are. Rejects with DiskError, or StoreError 'corrupt'. */
  async read(position: LogPosition, size: number): Promise<Buffer> {
    const found = this.view(position, size)
    if (found !== undefined) return found
    if (size <= LOG_BLOCK_BYTES) {
      await this.load(position, size)
      const loaded = this.view(position, size)
      if (loaded !== undefined) return loaded
    }
    return this.#readUncached(position, size)
  }

  /** Large records, and small ones when the cache is too busy to keep their blocks. */
  async #readUncached(position: LogPosition, size: number): Promise<Buffer> {
    const { segments, end } = this.#parts
    const start = sumBlockStart(position, segments.sizeBytes)
    const last = sumBlockStart(logPosition(position + size - 1), segments.sizeBytes)
    const stop = Math.min(sumBlockEnd(last, segments.sizeBytes), Math.max(end(), position + size))
    const bytes = await this.#readChecked(start, stop - start)
    this.#refuseDamaged(position, size)
    return bytes.subarray(position - start, position - start + size)
  }

  /** Reads whole sum blocks, the last one maybe short at the end of the log, and notes those that are damaged. */
  async #readChecked(start: LogPosition, length: number): Promise<Buffer> {
    const { segments, sumFiles } = this.#parts
    const bytes = await segments.read(start, length)
    for (let at = 0; at < length; at += SUM_BLOCK_BYTES) {
      const blockStart = logPosition(start + at)
      const blockBytes = sumBlockEnd(blockStart, segments.sizeBytes) - blockStart
      if (at + blockBytes > length) break
      const isSound = await sumFiles.isSound(blockStart, bytes.subarray(at, at + blockBytes))
      if (isSound) this.#damaged.delete(blockStart)
      else this.#damaged.add(blockStart)
    }
    return bytes
  }

  #refuseDamaged(position: LogPosition, size: number): void {
    const { sizeBytes } = this.#parts.segments
    for (let start = sumBlockStart(position, sizeBytes); start < position + size; )
      if (this.#damaged.has(start)) throw corrupt(position, `the checksum of the block at ${start} differs`)
      else start = sumBlockEnd(start, sizeBytes)
  }

  #blockStart(position: LogPosition): LogPosition {
    return logPosition(position - ((position % this.#parts.segments.sizeBytes) % LOG_BLOCK_BYTES))
  }
}

/** True when these bytes are one record that stands at the position: neither a misplaced nor a damaged entry led here. */
export function isRecord(bytes: Buffer, position: LogPosition): boolean {
  if (bytes.length < RECORD_MIN_BYTES || sizeAt(bytes, 0) !== bytes.length) return false
  const magic = magicAt(bytes, 0)
  return (magic === MAGIC_V1 || magic === MAGIC_V2) && positionAt(bytes, 0) === position
}

const corrupt = (position: LogPosition, why: string): StoreError =>
  new StoreError(
    'corrupt',
    `the record at log position ${position} is damaged: ${why}. Restore its segment from a copy or from a replica`,
  )
