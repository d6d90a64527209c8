import type { Clock } from '../base/clock.ts'
import { type LogPosition, queueOffset } from '../base/units.ts'
import type { NewMessage } from '../message/message.ts'
import { BLANK_BYTES, encodeRecord, PROPERTIES_MAX_BYTES, recordSize } from '../message/record.ts'
import { hasQueueOffset } from '../message/sys-flag.ts'
import type { Appender } from './appender.ts'
import type { Answer, ChangeNote, PendingPut } from './batch.ts'
import type { CommitLog } from './commit-log.ts'
import { isStorableTopic } from './layout.ts'
import type { QueueTable } from './queue-table.ts'
import { type PutResult, StoreError } from './store.ts'

/** Everything in a record but the body: protocol §4.1 allows this much beyond the body limit. */
export const RECORD_OVERHEAD_BYTES = 64 * 1024

export interface PutLimits {
  readonly maxMessageSizeBytes: number
  readonly segmentSizeBytes: number
}

/** Checks, places and encodes messages into the log: what a put does before it waits. */
export class Puts {
  readonly #appender: Appender
  readonly #log: CommitLog
  readonly #queues: QueueTable
  readonly #clock: Clock
  readonly #limits: PutLimits
  /** Refuses for reasons outside the log: a full disk, a closed store. */
  readonly #gate: () => StoreError | undefined
  /** Names that passed the check; bounded by being emptied. */
  readonly #goodTopics = new Set<string>()

  constructor(
    appender: Appender,
    log: CommitLog,
    queues: QueueTable,
    clock: Clock,
    limits: PutLimits,
    gate: () => StoreError | undefined,
  ) {
    this.#appender = appender
    this.#log = log
    this.#queues = queues
    this.#clock = clock
    this.#limits = limits
    this.#gate = gate
  }

  one(message: NewMessage, change?: ChangeNote, skipsSync = false): Promise<PutResult> {
    const problem = this.refusal ?? this.#problemOf(message)
    if (problem !== undefined) return Promise.reject(problem)
    return new Promise((resolve, reject) =>
      this.#append(message, new OneAnswer(resolve, reject), change, skipsSync),
    )
  }

  all(messages: readonly NewMessage[]): Promise<readonly PutResult[]> {
    let problem = this.refusal
    for (const message of messages) problem ??= this.#problemOf(message)
    if (problem !== undefined) return Promise.reject(problem)
    if (messages.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const answer = new GroupAnswer(messages.length, resolve, reject)
      this.#appender.hold()
      for (const message of messages) this.#append(message, answer, undefined, false)
      this.#appender.release()
    })
  }

  /** Why nothing can be put now. */
  get refusal(): StoreError | undefined {
    return this.#gate() ?? this.#log.refusal
  }

  #problemOf(message: NewMessage): StoreError | undefined {
    const { maxMessageSizeBytes, segmentSizeBytes } = this.#limits
    if (!this.#goodTopics.has(message.topic)) {
      if (!isStorableTopic(message.topic))
        return new StoreError(
          'illegal',
          'the topic is empty or longer than 127 bytes (255 for a retry topic)',
        )
      if (this.#goodTopics.size > 100_000) this.#goodTopics.clear()
      this.#goodTopics.add(message.topic)
    }
    if (message.body.length > maxMessageSizeBytes)
      return new StoreError(
        'illegal',
        `the body has ${message.body.length} bytes, maxMessageSize is ${maxMessageSizeBytes}`,
      )
    // Three bytes are the most that one UTF-16 unit becomes.
    if (
      message.properties.length * 3 > PROPERTIES_MAX_BYTES &&
      Buffer.byteLength(message.properties) > PROPERTIES_MAX_BYTES
    )
      return new StoreError('illegal', `the properties have more than ${PROPERTIES_MAX_BYTES} bytes`)
    if (!(message.queueId >= 0 && message.queueId <= 0x7fffffff))
      return new StoreError('illegal', `queue id ${message.queueId} is not in 0 … 2147483647`)
    if (message.body.length + RECORD_OVERHEAD_BYTES > segmentSizeBytes && !this.#fits(message))
      return new StoreError('illegal', 'the message is larger than mappedFileSizeCommitLog allows')
    return undefined
  }

  #fits(message: NewMessage): boolean {
    return recordSize(message) + BLANK_BYTES <= this.#limits.segmentSizeBytes
  }

  #append(message: NewMessage, answer: Answer, change: ChangeNote | undefined, skipsSync: boolean): void {
    const sizeBytes = recordSize(message)
    const position: LogPosition = this.#appender.place(sizeBytes)
    const queue = this.#queues.queue(this.#queues.topic(message.topic), message.queueId)
    const isQueued = hasQueueOffset(message.sysFlag)
    const put: PendingPut = {
      queue,
      position,
      sizeBytes,
      queueOffset: queueOffset(isQueued ? queue.nextOffset : 0),
      storeTimestamp: this.#clock.now(),
      sysFlag: message.sysFlag,
      properties: message.properties,
      change,
      skipsSync,
      answer,
    }
    const chunk = this.#appender.reserve(sizeBytes)
    encodeRecord(message, chunk.bytes, chunk.used, put)
    if (isQueued) queue.nextOffset++
    this.#appender.add(chunk, put)
    this.#log.schedule()
  }
}

/** Gives back the queue offsets of puts that were refused, so that the next ones go on without a gap. */
export function giveBack(puts: readonly PendingPut[]): void {
  for (const put of puts)
    if (hasQueueOffset(put.sysFlag) && put.queue.nextOffset > put.queueOffset)
      put.queue.nextOffset = put.queueOffset
}

const resultOf = (put: PendingPut, status: PutResult['status']): PutResult => ({
  position: put.position,
  queueOffset: put.queueOffset,
  storeTimestamp: put.storeTimestamp,
  sizeBytes: put.sizeBytes,
  status,
})

class OneAnswer implements Answer {
  readonly #resolve: (result: PutResult) => void
  readonly #reject: (error: StoreError) => void

  constructor(resolve: (result: PutResult) => void, reject: (error: StoreError) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  stored(put: PendingPut, status: PutResult['status']): void {
    this.#resolve(resultOf(put, status))
  }

  refused(error: StoreError): void {
    this.#reject(error)
  }
}

class GroupAnswer implements Answer {
  readonly #count: number
  readonly #resolve: (results: readonly PutResult[]) => void
  readonly #reject: (error: StoreError) => void
  readonly #results: PutResult[] = []

  constructor(
    count: number,
    resolve: (results: readonly PutResult[]) => void,
    reject: (error: StoreError) => void,
  ) {
    this.#count = count
    this.#resolve = resolve
    this.#reject = reject
  }

  stored(put: PendingPut, status: PutResult['status']): void {
    this.#results.push(resultOf(put, status))
    if (this.#results.length === this.#count) this.#resolve(this.#results)
  }

  refused(error: StoreError): void {
    this.#reject(error)
  }
}
