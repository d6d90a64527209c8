import {
  type LogPosition,
  logPosition,
  type QueueOffset,
  queueOffset,
  type Timestamp,
} from '../base/units.ts'
import type { NewMessage } from '../message/message.ts'
import { positionAt, RECORD_MIN_BYTES, storeTimestampAt, verifyRecord } from '../message/record.ts'
import { assemble, type OpenedStore } from './assembly.ts'
import { changeMessage, STORE_TABLE } from './change.ts'
import { removeAbort } from './checkpoint.ts'
import { queryByKey } from './key-query.ts'
import type { StoreParts } from './opening.ts'
import type {
  Arrival,
  GetQuery,
  GetResult,
  KeyQuery,
  KeyResult,
  PutOptions,
  PutResult,
  QueueEntry,
  QueueRange,
  Store,
  StoreError,
  StoreStatus,
} from './store.ts'

/** Opens or makes the store. Rejects with StoreError 'corrupt' and a hint, or DiskError (DiskLockedError: in use). */
export async function openStore(parts: StoreParts): Promise<Store> {
  return new MessageStore(await assemble(parts))
}

/** The face of the room. What it promises stands in store.ts, how it works in format.md and docs/decisions. */
class MessageStore implements Store {
  readonly #parts: OpenedStore

  constructor(parts: OpenedStore) {
    this.#parts = parts
  }

  put(message: NewMessage, options?: PutOptions): Promise<PutResult> {
    return this.#parts.puts.one(message, undefined, options?.skipsSync === true)
  }

  putAll(messages: readonly NewMessage[]): Promise<readonly PutResult[]> {
    return this.#parts.puts.all(messages)
  }

  get(query: GetQuery): GetResult | Promise<GetResult> {
    return this.#parts.reader.get(query)
  }

  async recordAt(position: LogPosition): Promise<Buffer | undefined> {
    const { logReader, pump } = this.#parts
    const end = pump.position
    if (!Number.isSafeInteger(position) || position < this.#logStart() || position + RECORD_MIN_BYTES > end)
      return undefined
    const segmentEnd = this.#parts.segments.startOf(position) + this.#parts.segments.sizeBytes
    const room = Math.min(end, segmentEnd) - position
    if (room < RECORD_MIN_BYTES) return undefined
    const head = await logReader.read(position, RECORD_MIN_BYTES)
    if (head.length < RECORD_MIN_BYTES || positionAt(head, 0) !== position) return undefined
    const size = head.readInt32BE(0)
    if (size < RECORD_MIN_BYTES || size > room) return undefined
    const record = await logReader.read(position, size)
    return verifyRecord(record, 0, record.length).kind === 'record' ? record : undefined
  }

  queueRange(topic: string, queueId: number): QueueRange {
    const queue = this.#parts.queues.find(topic, queueId)
    if (queue === undefined) return { minOffset: queueOffset(0), maxOffset: queueOffset(0) }
    return { minOffset: queueOffset(queue.minOffset), maxOffset: queue.maxOffset }
  }

  queueIds(topic: string): readonly number[] {
    const found = this.#parts.queues.findTopic(topic)
    if (found === undefined) return []
    return [...found.queues.values()].filter((queue) => queue.maxOffset > 0).map((queue) => queue.queueId)
  }

  entries(topic: string, queueId: number, from: QueueOffset, count: number): Promise<readonly QueueEntry[]> {
    return this.#parts.reader.entries(topic, queueId, from, count)
  }

  async offsetByTime(
    topic: string,
    queueId: number,
    time: Timestamp,
    boundary: 'lower' | 'upper',
  ): Promise<QueueOffset> {
    const { minOffset, maxOffset } = this.queueRange(topic, queueId)
    // The first offset whose store time is not below the time (lower) or above it (upper).
    let low: number = minOffset
    let high: number = maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const stored = (await this.storeTimeOf(topic, queueId, queueOffset(middle))) ?? 0
      const isBefore = boundary === 'lower' ? stored < time : stored <= time
      if (isBefore) low = middle + 1
      else high = middle
    }
    return queueOffset(boundary === 'lower' ? low : Math.max(minOffset, low - 1))
  }

  async storeTimeOf(topic: string, queueId: number, offset: QueueOffset): Promise<Timestamp | undefined> {
    const record = await this.#parts.reader.record(topic, queueId, offset)
    return record === undefined ? undefined : storeTimestampAt(record, 0)
  }

  query(query: KeyQuery): Promise<KeyResult> {
    return queryByKey(query, this.#parts.index, (position) => this.recordAt(position))
  }

  async change(table: string, change: unknown, options?: { readonly isApplied?: boolean }): Promise<void> {
    const note = { table, change, isApplied: options?.isApplied === true }
    await this.#parts.puts.one(changeMessage(table, change, this.#parts.clock.now()), note)
  }

  async deleteTopic(topic: string): Promise<void> {
    const { queues, puts, clock } = this.#parts
    const change = { deletedTopic: topic }
    const refusal = puts.refusal
    if (refusal !== undefined) throw refusal
    // The log decides about order: what is put from now on belongs to a new topic of that name.
    const dropped = queues.drop(topic)
    if (dropped === undefined) return
    try {
      await puts.one(changeMessage(STORE_TABLE, change, clock.now()), {
        table: STORE_TABLE,
        change,
        isApplied: true,
      })
    } catch (error) {
      queues.restore(dropped)
      throw error
    }
  }

  onArrival(name: string, listener: (arrival: Arrival) => void): void {
    this.#parts.pump.onArrival(name, listener)
  }

  onFailure(listener: (error: StoreError) => void): void {
    this.#parts.life.onFailure(listener)
  }

  deleteExpired(): Promise<number> {
    return this.#parts.retention.deleteExpired()
  }

  tick(_now: Timestamp): void {
    if (this.#parts.life.refusal !== undefined) return
    this.#parts.log.tick()
    this.#parts.flusher.tick((error) => this.#parts.log.failSync(error))
    this.#parts.checkpointer.tick()
    this.#parts.retention.tick()
  }

  status(): StoreStatus {
    const { appender, log, flusher, pump, queues, puts, retention } = this.#parts
    const { refusal } = puts
    return {
      minPosition: this.#logStart(),
      maxPosition: appender.end,
      writtenPosition: log.written,
      flushedPosition: flusher.flushed,
      dispatchedPosition: pump.position,
      earliestStoreTimestamp: retention.earliestStoreTimestamp,
      isWritable: refusal === undefined,
      refusal: refusal?.message,
      diskUsedRatio: retention.usedRatio,
      topicCount: queues.topicCount,
      queueCount: queues.queueCount,
    }
  }

  async close(): Promise<void> {
    const { life, log, flusher, checkpointer, segments, files, watermark, lock, disk } = this.#parts
    if (life.isClosed) return
    life.isClosed = true
    await log.settled()
    await this.#parts.retention.settled()
    try {
      if (life.failure === undefined) {
        await flusher.finish()
        if (await checkpointer.run(true)) await removeAbort(disk)
      }
    } finally {
      await segments.close()
      await files.close()
      await watermark.close()
      await lock.release()
    }
  }

  #logStart(): LogPosition {
    return this.#parts.segments.first ?? logPosition(0)
  }
}
