import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition, type QueueOffset, queueOffset } from '../base/units.ts'
import { BLANK_SIZE, type ConsumeQueue } from './consume-queue.ts'
import { isRecord, type LogReader } from './log-reader.ts'
import {
  decodeEntry,
  ENTRY_BYTES,
  entryPositionAt,
  entrySizeAt,
  entryTagsAt,
  type QueueBlock,
  type QueueFiles,
} from './queue-files.ts'
import { findMessage, isSaneEntry, leadsTo, type MendParts } from './queue-mend.ts'
import type { QueueTable } from './queue-table.ts'
import { type GetQuery, type GetResult, type QueueEntry, StoreError } from './store.ts'

/** maxFilterMessageSize of RocketMQ, 16,000 bytes of entries: what one call looks through when nothing passes the filter. */
const SCAN_ENTRIES_MAX = 800
/** A get that has to wait for the disk does so for its queue entries and its first record, each a few times at most. */
const LOADS_MAX = 8

const NO_RECORDS: readonly Buffer[] = []

/** Why a get could not go on in memory: what has to be loaded. */
type Missing =
  | { readonly entries: number }
  | { readonly position: LogPosition; readonly size: number }
  | { readonly damaged: number }

/** Reads messages of a queue: entries, then records. Synchronous as long as both are in memory. */
export class QueueReader {
  readonly #queues: QueueTable
  readonly #files: QueueFiles
  readonly #log: LogReader
  /** First position that the log still holds. */
  readonly #logStart: () => LogPosition
  readonly #readable: () => LogPosition
  /** The entry that `#entryAt` found. */
  #position = 0
  #size = 0
  #tags = 0
  #isFromFile = false
  #block: QueueBlock | undefined
  #blockOwner: ConsumeQueue | undefined

  readonly #mend: MendParts
  readonly #tagsCode: (queue: ConsumeQueue, record: Buffer) => number
  readonly #trace: Log

  constructor(parts: {
    queues: QueueTable
    files: QueueFiles
    log: LogReader
    trace: Log
    segmentBytes: number
    logStart: () => LogPosition
    readable: () => LogPosition
    tagsCode: (queue: ConsumeQueue, record: Buffer) => number
  }) {
    this.#mend = { ...parts, entry: (queue, offset) => this.entry(queue, offset) }
    this.#tagsCode = parts.tagsCode
    this.#trace = parts.trace
    this.#queues = parts.queues
    this.#files = parts.files
    this.#log = parts.log
    this.#logStart = parts.logStart
    this.#readable = parts.readable
  }

  get(query: GetQuery): GetResult | Promise<GetResult> {
    try {
      const result = this.#attempt(query)
      return 'status' in result ? result : this.#getSlowly(query, result)
    } catch (error) {
      // A damaged record: told in the one way in which slow reads tell it.
      return Promise.reject(error)
    }
  }

  async #getSlowly(query: GetQuery, first: Missing): Promise<GetResult> {
    let missing = first
    for (let loads = 0; loads < LOADS_MAX; loads++) {
      const queue = this.#queues.find(query.topic, query.queueId)
      if (queue === undefined) break
      await this.#load(queue, missing)
      const result = this.#attempt(query)
      if ('status' in result) return result
      missing = result
    }
    return this.#getUncached(query)
  }

  /** The cache is too small for what is going on: one message, read past it. */
  async #getUncached(query: GetQuery): Promise<GetResult> {
    const queue = this.#queues.find(query.topic, query.queueId)
    if (queue === undefined) return nothing('no-queue', 0, 0, 0)
    const [entry] = await this.entries(query.topic, query.queueId, query.offset, 1)
    if (entry === undefined) return nothing('removed', queue.minOffset, queue.minOffset, queue.maxOffset)
    const next = query.offset + 1
    if (query.matches?.(entry.tagsCode) === false)
      return nothing('no-match', next, queue.minOffset, queue.maxOffset)
    const record = await this.#recordOf(queue, query.offset, entry)
    return this.#found([record], record.length, next, queue, entry.position + entry.sizeBytes)
  }

  #attempt(query: GetQuery): GetResult | Missing {
    const queue = this.#queues.find(query.topic, query.queueId)
    if (queue === undefined) return nothing('no-queue', 0, 0, 0)
    const { minOffset, maxOffset } = queue
    const { offset } = query
    if (maxOffset === 0 && offset === 0) return nothing('none-yet', 0, minOffset, maxOffset)
    if (offset < minOffset) return nothing('too-small', minOffset, minOffset, maxOffset)
    if (offset === maxOffset) return nothing('none-yet', offset, minOffset, maxOffset)
    if (offset > maxOffset) return nothing('overflow', maxOffset, minOffset, maxOffset)
    return this.#collect(query, queue)
  }

  #collect(query: GetQuery, queue: ConsumeQueue): GetResult | Missing {
    const countMax = Math.max(1, query.maxCount)
    const end = Math.min(queue.maxOffset, query.offset + Math.max(SCAN_ENTRIES_MAX, countMax))
    const logStart = this.#logStart()
    const records: Buffer[] = []
    let missing: Missing | undefined
    let bytes = 0
    let last = 0
    let isRemoved = true
    let offset: number = query.offset
    for (; offset < end && records.length < countMax; offset++) {
      missing = this.#entryProblem(queue, offset, logStart)
      if (missing !== undefined) break
      isRemoved &&= this.#size === BLANK_SIZE
      if (!this.#isWanted(query)) continue
      if (records.length > 0 && bytes + this.#size > query.maxBytes) break
      const position = logPosition(this.#position)
      const record = this.#log.view(position, this.#size)
      missing = this.#recordProblem(record, queue, offset)
      if (record === undefined || missing !== undefined) break
      records.push(record)
      bytes += record.length
      last = position + record.length
    }
    if (records.length === 0)
      return missing ?? nothing(isRemoved ? 'removed' : 'no-match', offset, queue.minOffset, queue.maxOffset)
    if (missing !== undefined) this.#load(queue, missing).catch(() => undefined)
    return this.#found(records, bytes, offset, queue, last)
  }

  /** Finds the entry; what has to be done first when it is not in memory, or leads nowhere. Those in memory are always good. */
  #entryProblem(queue: ConsumeQueue, offset: number, logStart: LogPosition): Missing | undefined {
    if (!this.#entryAt(queue, offset)) return { entries: offset }
    if (!this.#isFromFile || (this.#size === BLANK_SIZE && this.#position === 0)) return undefined
    const isSane = this.#position >= logStart && isSaneEntry(this.#mend, this.#position, this.#size)
    return isSane ? undefined : { damaged: offset }
  }

  #isWanted(query: GetQuery): boolean {
    return this.#size !== BLANK_SIZE && query.matches?.(this.#tags) !== false
  }

  #recordProblem(record: Buffer | undefined, queue: ConsumeQueue, offset: number): Missing | undefined {
    const position = logPosition(this.#position)
    if (record === undefined) return { position, size: this.#size }
    if (!this.#isFromFile || isRecordOf(record, queue, offset, position)) return undefined
    return { damaged: offset }
  }

  async #load(queue: ConsumeQueue, missing: Missing): Promise<void> {
    if ('entries' in missing) await this.#files.load(queue, missing.entries)
    else if ('damaged' in missing) await this.#mendEntry(queue, missing.damaged)
    else await this.#log.load(missing.position, missing.size)
  }

  /** The log tells where the message is; the entry is put right. Rejects with StoreError 'corrupt' when it is nowhere. */
  async #mendEntry(queue: ConsumeQueue, offset: number): Promise<Buffer> {
    const found = await findMessage(this.#mend, queue, offset)
    this.#trace.warn('store.queue-entry-damaged', {
      topic: queue.topic.name,
      queueId: queue.queueId,
      offset,
      isMended: found !== undefined,
    })
    if (found === undefined)
      throw new StoreError(
        'corrupt',
        `entry ${offset} of queue ${queue.queueId} of topic ${queue.topic.name} is damaged, and its message is not found in the log`,
      )
    const { position, record } = found
    const tagsCode = this.#tagsCode(queue, record)
    await this.#files.mend(queue, offset, { position, sizeBytes: record.length, tagsCode })
    this.#block = undefined
    return record
  }

  #found(
    records: readonly Buffer[],
    totalBytes: number,
    next: number,
    queue: ConsumeQueue,
    end: number,
  ): GetResult {
    this.#log.prefetch(logPosition(end))
    return {
      status: 'found',
      records,
      totalBytes,
      nextOffset: queueOffset(next),
      minOffset: queueOffset(queue.minOffset),
      maxOffset: queue.maxOffset,
      behindBytes: this.#readable() - end,
    }
  }

  /** Finds an entry in memory or in a cached block. */
  #entryAt(queue: ConsumeQueue, offset: number): boolean {
    const index = queue.indexOf(offset)
    this.#isFromFile = index < 0
    if (index >= 0) {
      this.#position = queue.entries[index] ?? 0
      this.#size = queue.entries[index + 1] ?? 0
      this.#tags = queue.entries[index + 2] ?? 0
      return true
    }
    let block = this.#blockOwner === queue ? this.#block : undefined
    const isInside =
      block !== undefined &&
      offset >= block.first &&
      (offset - block.first) * ENTRY_BYTES < block.bytes.length
    if (!isInside) block = this.#files.cached(queue, offset)
    if (block === undefined) return false
    this.#block = block
    this.#blockOwner = queue
    const at = (offset - block.first) * ENTRY_BYTES
    this.#position = entryPositionAt(block.bytes, at)
    this.#size = entrySizeAt(block.bytes, at)
    this.#tags = entryTagsAt(block.bytes, at)
    return true
  }

  /** Entries as they are. Rejects with DiskError. */
  async entries(topic: string, queueId: number, from: QueueOffset, count: number): Promise<QueueEntry[]> {
    const found: QueueEntry[] = []
    const queue = this.#queues.find(topic, queueId)
    if (queue === undefined) return found
    const end = Math.min(queue.maxOffset, from + count)
    for (let offset = Math.max(from, queue.minOffset); offset < end; offset++) {
      const entry = await this.entry(queue, offset)
      if (entry === undefined) break
      found.push(entry)
    }
    return found
  }

  /** One entry inside the queue's range; undefined when its file does not have it. */
  async entry(queue: ConsumeQueue, offset: number): Promise<QueueEntry | undefined> {
    if (!this.#entryAt(queue, offset)) {
      const bytes = await this.#files.load(queue, offset)
      const at = (offset - this.#files.blockStart(offset)) * ENTRY_BYTES
      return at < bytes.length ? decodeEntry(bytes, at) : undefined
    }
    return { position: logPosition(this.#position), sizeBytes: this.#size, tagsCode: this.#tags }
  }

  async #recordOf(queue: ConsumeQueue, offset: number, entry: QueueEntry): Promise<Buffer> {
    if (!isSaneEntry(this.#mend, entry.position, entry.sizeBytes)) return this.#mendEntry(queue, offset)
    const record = await this.#log.read(entry.position, entry.sizeBytes)
    return isRecordOf(record, queue, offset, entry.position) ? record : this.#mendEntry(queue, offset)
  }

  /** A record by its queue offset; undefined outside the range or when the log no longer holds it. */
  async record(topic: string, queueId: number, offset: QueueOffset): Promise<Buffer | undefined> {
    const queue = this.#queues.find(topic, queueId)
    if (queue === undefined || offset < queue.minOffset || offset >= queue.maxOffset) return undefined
    const entry = await this.entry(queue, offset)
    if (entry === undefined || entry.sizeBytes === BLANK_SIZE) return undefined
    return this.#recordOf(queue, offset, entry)
  }
}

const isRecordOf = (record: Buffer, queue: ConsumeQueue, offset: number, position: LogPosition): boolean =>
  isRecord(record, position) && leadsTo(record, queue, offset)

function nothing(
  status: Exclude<GetResult['status'], 'found'>,
  next: number,
  min: number,
  max: number,
): GetResult {
  return {
    status,
    records: NO_RECORDS,
    totalBytes: 0,
    nextOffset: queueOffset(next),
    minOffset: queueOffset(min),
    maxOffset: queueOffset(max),
    behindBytes: 0,
  }
}
