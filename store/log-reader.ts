import { type LogPosition, logPosition } from '../base/units.ts'
import { MAGIC_V1, MAGIC_V2, magicAt, positionAt, RECORD_MIN_BYTES, sizeAt } from '../message/record.ts'
import type { BlockCache } from './block-cache.ts'
import type { Segments } from './segments.ts'
import { StoreError } from './store.ts'
import type { Tail } from './tail.ts'

/** Bytes per cached block of the log, counted from the start of each segment. */
export const LOG_BLOCK_BYTES = 256 * 1024

/** Reads bytes of the log from memory or, through the shared block cache, from its files. */
export class LogReader {
  readonly #tail: Tail
  readonly #segments: Segments
  readonly #cache: BlockCache
  /** End of what may be read. */
  readonly #end: () => LogPosition

  constructor(tail: Tail, segments: Segments, cache: BlockCache, end: () => LogPosition) {
    this.#tail = tail
    this.#segments = segments
    this.#cache = cache
    this.#end = end
  }

  /** The bytes as a view of memory, or undefined when a block has to be loaded for them. */
  view(position: LogPosition, size: number): Buffer | undefined {
    const recent = this.#tail.view(position, size)
    if (recent !== undefined) return recent
    const start = this.#blockStart(position)
    const block = this.#cache.get(start)
    if (block === undefined) return undefined
    const from = position - start
    if (from + size <= block.length) return block.subarray(from, from + size)
    return block.length < LOG_BLOCK_BYTES ? undefined : this.#joined(start, block, from, size)
  }

  /** A record that goes on in the next block is copied together. */
  #joined(start: LogPosition, block: Buffer, from: number, size: number): Buffer | undefined {
    if (size > LOG_BLOCK_BYTES) return undefined
    const next = this.#cache.get(start + LOG_BLOCK_BYTES)
    const missing = from + size - LOG_BLOCK_BYTES
    if (next === undefined || next.length < missing) return undefined
    return Buffer.concat([block.subarray(from), next.subarray(0, missing)], size)
  }

  /** Brings what `view` misses into the cache. Rejects with DiskError. */
  async load(position: LogPosition, size: number): Promise<void> {
    let start = this.#blockStart(position)
    while (start < position + size) {
      const block = this.#cache.get(start)
      const wanted = Math.min(position + size - start, LOG_BLOCK_BYTES)
      if (block === undefined || block.length < wanted) await this.#loadBlock(start)
      start = logPosition(start + LOG_BLOCK_BYTES)
    }
  }

  /** Starts reading the block behind the one with this position, for those who read on. */
  prefetch(position: LogPosition): void {
    const next = logPosition(this.#blockStart(position) + LOG_BLOCK_BYTES)
    if (next + LOG_BLOCK_BYTES > this.#tail.start(this.#end()) || this.#cache.has(next)) return
    if (next % this.#segments.sizeBytes < LOG_BLOCK_BYTES) return
    this.#loadBlock(next).catch(() => undefined)
  }

  #loadBlock(start: LogPosition): Promise<Buffer> {
    const segmentEnd = this.#segments.startOf(start) + this.#segments.sizeBytes
    const length = Math.min(LOG_BLOCK_BYTES, segmentEnd - start, this.#end() - start)
    return this.#cache.load(start, () => this.#segments.read(start, length))
  }

  /** The bytes, from wherever they are. Large ones do not go through the cache. */
  async read(position: LogPosition, size: number): Promise<Buffer> {
    const found = this.view(position, size)
    if (found !== undefined) return found
    if (size <= LOG_BLOCK_BYTES) {
      await this.load(position, size)
      const loaded = this.view(position, size)
      if (loaded !== undefined) return loaded
    }
    return this.#segments.read(position, size)
  }

  #blockStart(position: LogPosition): LogPosition {
    return logPosition(position - ((position % this.#segments.sizeBytes) % LOG_BLOCK_BYTES))
  }
}

/** A record from disk must be the one that its queue entry means: a misplaced or damaged one is never served. */
export function checkRecord(record: Buffer, position: LogPosition, size: number): void {
  if (record.length !== size || size < RECORD_MIN_BYTES || sizeAt(record, 0) !== size)
    throw corrupt(position, 'its size is not that of its queue entry')
  const magic = magicAt(record, 0)
  if (magic !== MAGIC_V1 && magic !== MAGIC_V2) throw corrupt(position, 'it has no record magic')
  if (positionAt(record, 0) !== position) throw corrupt(position, 'it names another position')
}

const corrupt = (position: LogPosition, why: string): StoreError =>
  new StoreError('corrupt', `the record at log position ${position} is damaged: ${why}`)
