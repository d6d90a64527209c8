import type { LogPosition, QueueOffset, Timestamp } from '../base/units.ts'
import type { BlockSum, SumState } from './block-sums.ts'
import type { ConsumeQueue } from './consume-queue.ts'
import type { PutResult, StoreError } from './store.ts'

/** A put on its way: from its place in the log to its answer. What dispatch needs later is kept, nothing is decoded again. */
export interface PendingPut {
  readonly queue: ConsumeQueue
  readonly position: LogPosition
  readonly sizeBytes: number
  readonly queueOffset: QueueOffset
  readonly storeTimestamp: Timestamp
  readonly sysFlag: number
  readonly properties: string
  /** Only for the system topic: the change record. */
  readonly change: ChangeNote | undefined
  /** Answered when written, whatever the flush type. */
  readonly skipsSync: boolean
  readonly answer: Answer
}

export interface ChangeNote {
  readonly table: string
  readonly change: unknown
  /** Its table took it in before it was logged. */
  readonly isApplied: boolean
}

/** Who waits for a put. A group of puts shares one. */
export interface Answer {
  /** Once per put of the group, in log order. */
  stored(put: PendingPut, status: PutResult['status']): void
  /** At most once for the whole group. */
  refused(error: StoreError): void
}

/** A stretch of one segment, in as many buffers as chunks. */
export interface Run {
  readonly segment: LogPosition
  readonly position: LogPosition
  readonly buffers: Buffer[]
}

/** What one write puts into the log: all of it reaches the ack point together, or none of it does. Ends with a seal. */
export interface Batch {
  readonly start: LogPosition
  readonly end: LogPosition
  /** Rolling CRC of the log below the start, and below the end. */
  readonly rollingStart: number
  readonly rolling: number
  /** Blocks of the log that this batch completes, and the sum of the block that it ends in. */
  readonly sums: readonly BlockSum[]
  readonly sumsStart: SumState
  readonly sumsEnd: SumState
  readonly puts: readonly PendingPut[]
  readonly runs: readonly Run[]
  startedAtMs: number
  isWritten: boolean
  /** The puts were answered 'flush-timeout' already. */
  isAnswered: boolean
}
