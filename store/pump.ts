import type { Log } from '../base/log.ts'
import { type LogPosition, queueOffset, type Timestamp, timestamp } from '../base/units.ts'
import { propertiesAt, storeTimestampAt } from '../message/record.ts'
import { hasQueueOffset, TRANSACTION_MASK, TRANSACTION_ROLLBACK } from '../message/sys-flag.ts'
import type { Batch, ChangeNote } from './batch.ts'
import type { SumState } from './block-sums.ts'
import type { ConsumeQueue, Topic } from './consume-queue.ts'
import { hashRange, newRanges, scanProperties } from './properties-scan.ts'
import type { QueueTable } from './queue-table.ts'
import type { Arrival } from './store.ts'
import type { SumFiles } from './sum-files.ts'

/** What dispatch needs to know of a record, whether it was just put or is read again at the start. */
export interface DispatchRecord {
  readonly queue: ConsumeQueue
  readonly position: LogPosition
  readonly sizeBytes: number
  readonly storeTimestamp: Timestamp
  readonly sysFlag: number
  readonly properties: string
  readonly change: ChangeNote | undefined
}

export interface PumpParts {
  readonly queues: QueueTable
  readonly sumFiles: SumFiles
  readonly delayLevelsMs: readonly number[]
  readonly log: Log
  /** Takes an index entry: the hash of `topic#key`. Absent = no index. */
  readonly index: ((hash: number, position: LogPosition, storeTimestamp: Timestamp) => void) | undefined
  /** Applies a change record to its table. */
  readonly apply: (note: ChangeNote, position: LogPosition) => void
}

const SPACE = 32
/** ScheduleMessageService.computeDeliverTimestamp: a level without a delay is delivered after a second. */
const UNKNOWN_LEVEL_MS = 1000

/**
 * What happens to a record when it becomes readable, in log order: queue entry, index, logged tables, then those who wait
 * for messages. Runs behind the ack point, and over the tail of the log at the start.
 */
export class Pump {
  readonly #parts: PumpParts
  readonly #ranges = newRanges()
  #listeners: readonly ((arrival: Arrival) => void)[] = []
  readonly #named = new Map<string, (arrival: Arrival) => void>()
  #position: LogPosition
  #rolling = 0
  #sums: SumState
  #lastStoreTimestamp = timestamp(0)

  constructor(start: LogPosition, parts: PumpParts) {
    this.#position = start
    this.#sums = { blockStart: start, position: start, crc: 0 }
    this.#parts = parts
  }

  /** Everything below is readable. */
  get position(): LogPosition {
    return this.#position
  }

  /** Rolling CRC of the log below the position (seal.ts). */
  get rolling(): number {
    return this.#rolling
  }

  /** Sum of the block that the position is in. */
  get sums(): SumState {
    return this.#sums
  }

  /** The newest store time seen: retention and the checkpoint go by it. */
  get lastStoreTimestamp(): Timestamp {
    return this.#lastStoreTimestamp
  }

  onArrival(name: string, listener: (arrival: Arrival) => void): void {
    this.#named.set(name, listener)
    this.#listeners = [...this.#named.values()]
  }

  dispatch(batch: Batch): void {
    for (const put of batch.puts) this.record(put, hasQueueOffset(put.sysFlag))
    this.#position = batch.end
    this.#rolling = batch.rolling
    this.#sums = batch.sumsEnd
    this.#parts.sumFiles.note(batch.sums)
    for (const put of batch.puts) if (!batch.isAnswered) put.answer.stored(put, 'ok')
  }

  /** For recovery: where the log ends, its rolling CRC and sum, and the newest store time below it. */
  resume(position: LogPosition, rolling: number, sums: SumState, storeTime: Timestamp): void {
    this.#sums = sums
    this.#position = position
    this.#rolling = rolling
    if (storeTime > this.#lastStoreTimestamp) this.#lastStoreTimestamp = storeTime
  }

  /** `isQueued` false: its queue has the record already, or it has no place in one. */
  record(record: DispatchRecord, isQueued: boolean): void {
    const { queue, sysFlag, properties } = record
    if (record.storeTimestamp > this.#lastStoreTimestamp) this.#lastStoreTimestamp = record.storeTimestamp
    const ranges = this.#ranges
    scanProperties(properties, ranges)
    let tagsCode = 0
    if (isQueued) {
      tagsCode = this.#tagsCode(queue.topic, properties, record.storeTimestamp)
      queue.append(record.position, record.sizeBytes, tagsCode)
      if (!queue.isDirty) this.#parts.queues.noteDirty(queue)
    }
    if (this.#parts.index !== undefined && (sysFlag & TRANSACTION_MASK) !== TRANSACTION_ROLLBACK)
      this.#indexKeys(record)
    if (record.change !== undefined) this.#parts.apply(record.change, record.position)
    if (isQueued && this.#listeners.length > 0) this.#announce(record, tagsCode)
  }

  /** Tags code of a record that is read again. */
  tagsCodeOf(queue: ConsumeQueue, record: Buffer): number {
    const properties = propertiesAt(record, 0)
    scanProperties(properties, this.#ranges)
    return this.#tagsCode(queue.topic, properties, storeTimestampAt(record, 0))
  }

  #tagsCode(topic: Topic, properties: string, storeTimestamp: Timestamp): number {
    const ranges = this.#ranges
    if (topic.isSchedule && ranges.delayStart >= 0) {
      const level = Number.parseInt(properties.slice(ranges.delayStart, ranges.delayEnd), 10)
      const levels = this.#parts.delayLevelsMs
      if (level > 0) return storeTimestamp + (levels[Math.min(level, levels.length) - 1] ?? UNKNOWN_LEVEL_MS)
    }
    return ranges.tagsStart < 0 ? 0 : hashRange(properties, ranges.tagsStart, ranges.tagsEnd)
  }

  #indexKeys(record: DispatchRecord): void {
    const { properties, position, storeTimestamp } = record
    const { uniqueKeyStart, uniqueKeyEnd, keysStart, keysEnd } = this.#ranges
    const { keyHash } = record.queue.topic
    if (uniqueKeyStart >= 0)
      this.#parts.index?.(
        hashRange(properties, uniqueKeyStart, uniqueKeyEnd, keyHash),
        position,
        storeTimestamp,
      )
    if (keysStart < 0) return
    let at = keysStart
    while (at < keysEnd) {
      let end = at
      while (end < keysEnd && properties.charCodeAt(end) !== SPACE) end++
      if (end > at) this.#parts.index?.(hashRange(properties, at, end, keyHash), position, storeTimestamp)
      at = end + 1
    }
  }

  #announce(record: DispatchRecord, tagsCode: number): void {
    const { queue } = record
    const arrival: Arrival = {
      topic: queue.topic.name,
      queueId: queue.queueId,
      queueOffset: queueOffset(queue.maxOffset - 1),
      position: record.position,
      sizeBytes: record.sizeBytes,
      tagsCode,
      storeTimestamp: record.storeTimestamp,
      properties: record.properties,
    }
    for (const listener of this.#listeners) {
      try {
        listener(arrival)
      } catch (error) {
        this.#parts.log.error('store.listener-failed', { error: String(error), position: record.position })
      }
    }
  }
}
