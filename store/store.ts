import type { LogPosition, QueueOffset, Timestamp } from '../base/units.ts'
import type { NewMessage } from '../message/message.ts'

/**
 * The face of the room: what a broker may ask of its store. Implemented by message-store.ts over a Disk.
 *
 * Promises: a put that resolved is in the log to the degree of the flush type (ASYNC_FLUSH: the write system call
 * returned; SYNC_FLUSH: fdatasync returned). Only such records become readable, in log order. A queue offset that was
 * readable is never given to other content. A put that rejected with kind 'illegal', 'unavailable' or 'busy' left nothing
 * behind; 'unknown' (a failed fsync) may have, and the store has stopped.
 */
export interface Store {
  /** Appends one message. Rejects with StoreError. */
  put(message: NewMessage, options?: PutOptions): Promise<PutResult>
  /** Appends all or none, next to each other in the log. */
  putAll(messages: readonly NewMessage[]): Promise<readonly PutResult[]>

  /** Reads consecutive messages of one queue as stored records, without decoding them. At once when they are in memory. */
  get(query: GetQuery): GetResult | Promise<GetResult>
  /** The record that starts at this position, or undefined when none does (out of range, not a record start). */
  recordAt(position: LogPosition): Promise<Buffer | undefined>
  /** Offsets of a queue: first readable, and one past the last readable. {0, 0} for a queue that does not exist. */
  queueRange(topic: string, queueId: number): QueueRange
  /** Queue ids of a topic that have a consume queue. */
  queueIds(topic: string): readonly number[]
  /** Consume queue entries as they are, for admin tools; at most `count`. */
  entries(topic: string, queueId: number, from: QueueOffset, count: number): Promise<readonly QueueEntry[]>
  /** lower: first offset with store time ≥ t; upper: last offset with store time ≤ t (protocol §2.2, code 29). */
  offsetByTime(
    topic: string,
    queueId: number,
    time: Timestamp,
    boundary: 'lower' | 'upper',
  ): Promise<QueueOffset>
  /** Store time of one message, or undefined when it is not there. */
  storeTimeOf(topic: string, queueId: number, offset: QueueOffset): Promise<Timestamp | undefined>
  /** By message key or unique key, newest first, through the index. */
  query(query: KeyQuery): Promise<KeyResult>

  /**
   * Appends a change record of a logged table to the system topic. Resolves when it is as durable as a put of the mode and
   * (unless `isApplied`) the table's apply() has run.
   */
  change(table: string, change: unknown, options?: { readonly isApplied?: boolean }): Promise<void>

  /** Drops the consume queues of a topic. The log keeps the bytes until retention. */
  deleteTopic(topic: string): Promise<void>
  /** Called for every message once its entry is readable, in log order. One listener per name. */
  onArrival(name: string, listener: (arrival: Arrival) => void): void
  /** Called once when the store stopped by itself (failed fsync, corruption under way). */
  onFailure(listener: (error: StoreError) => void): void

  /** Retention by hand (codes 329 and 306). */
  deleteExpired(): Promise<number>
  /** Housekeeping that is due: flush, checkpoint, snapshots, retention, disk watch. Never throws. */
  tick(now: Timestamp): void
  status(): StoreStatus
  /** Flushes everything, writes snapshots and checkpoint, removes the abort file. */
  close(): Promise<void>
}

export interface PutOptions {
  /** Under SYNC_FLUSH: resolve when the write returned, without waiting for fdatasync (WAIT=false). Readable as ever. */
  readonly skipsSync?: boolean
}

export interface PutResult {
  readonly position: LogPosition
  readonly queueOffset: QueueOffset
  readonly storeTimestamp: Timestamp
  readonly sizeBytes: number
  /** 'flush-timeout': stored, but fdatasync took longer than syncFlushTimeout (code 10). */
  readonly status: 'ok' | 'flush-timeout'
}

export interface GetQuery {
  readonly topic: string
  readonly queueId: number
  readonly offset: QueueOffset
  readonly maxCount: number
  readonly maxBytes: number
  /** Judges by tags code before the record is read. Absent = everything. */
  readonly matches?: (tagsCode: number) => boolean
}

export interface GetResult {
  /**
   * found; no-match (entries seen, none passed the filter); none-yet (offset = end of the queue, or an empty queue at
   * 0); too-small / overflow (outside the range); removed (the log no longer holds it); no-queue.
   */
  readonly status: 'found' | 'no-match' | 'none-yet' | 'too-small' | 'overflow' | 'removed' | 'no-queue'
  /** Raw records, views into store memory; safe to hold. */
  readonly records: readonly Buffer[]
  readonly totalBytes: number
  /** Where the next get should start (protocol §6.3). */
  readonly nextOffset: QueueOffset
  readonly minOffset: QueueOffset
  readonly maxOffset: QueueOffset
  /** How far the last record lies behind the end of the log: decides whether a slave is suggested. */
  readonly behindBytes: number
}

export interface QueueRange {
  readonly minOffset: QueueOffset
  readonly maxOffset: QueueOffset
}

export interface QueueEntry {
  readonly position: LogPosition
  readonly sizeBytes: number
  readonly tagsCode: number
}

export interface KeyQuery {
  readonly topic: string
  readonly key: string
  readonly maxCount: number
  readonly begin: Timestamp
  readonly end: Timestamp
}

export interface KeyResult {
  readonly records: readonly Buffer[]
  readonly indexLastUpdateTimestamp: Timestamp
  readonly indexLastUpdatePosition: LogPosition
}

export interface Arrival {
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: QueueOffset
  readonly position: LogPosition
  readonly sizeBytes: number
  /** Low 32 bits matter to tag filters; a delivery time in the schedule topic. */
  readonly tagsCode: number
  readonly storeTimestamp: Timestamp
  readonly properties: string
}

/**
 * A state machine over the log (design D7). A change is a record in the system topic; the table in memory is the result of
 * all changes in log order; RocketMQ's JSON file is its snapshot. apply() must be total and deterministic: no clock, no
 * chance, no I/O, never throws on a change it does not understand (it keeps it out and says so by returning false).
 */
export interface LoggedTable {
  /** Key in the change record: `topics`. */
  readonly name: string
  /** Under `<root>/config/`: `topics.json`. */
  readonly fileName: string
  apply(change: unknown): boolean
  /** RocketMQ's JSON text. */
  snapshot(): string
  /** From RocketMQ's JSON text, read leniently. Throws when it is damaged: the store then tries `.bak`, then stops. */
  restore(text: string): void
}

export interface StoreStatus {
  readonly minPosition: LogPosition
  /** End of the log, acknowledged or not. */
  readonly maxPosition: LogPosition
  readonly writtenPosition: LogPosition
  readonly flushedPosition: LogPosition
  /** Everything below is readable. */
  readonly dispatchedPosition: LogPosition
  readonly earliestStoreTimestamp: Timestamp | undefined
  readonly isWritable: boolean
  /** Why not, in words for people. */
  readonly refusal: string | undefined
  readonly diskUsedRatio: number
  readonly topicCount: number
  readonly queueCount: number
}

/** kind → what the broker answers: illegal 13, unavailable 14, busy 2, unknown 14 and the broker exits. */
export class StoreError extends Error {
  override name = 'StoreError'
  readonly kind: 'illegal' | 'unavailable' | 'busy' | 'unknown' | 'corrupt'

  constructor(kind: StoreError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
