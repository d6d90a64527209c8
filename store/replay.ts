import type { Log } from '../base/log.ts'
import type { LogPosition } from '../base/units.ts'
import {
  bodyAt,
  positionAt,
  propertiesAt,
  queueIdAt,
  queueOffsetAt,
  storeTimestampAt,
  sysFlagAt,
  topicAt,
} from '../message/record.ts'
import { hasQueueOffset } from '../message/sys-flag.ts'
import { decodeChange } from './change.ts'
import type { ConsumeQueue, Topic } from './consume-queue.ts'
import { topicFolder } from './layout.ts'
import type { Pump } from './pump.ts'
import type { QueueTable } from './queue-table.ts'
import { sealAt } from './seal.ts'
import { StoreError } from './store.ts'

/** A queue that lacks more entries than this is not mended but named. */
const GAP_MAX = 1_000_000

/** Dispatches records of the log again, as they were dispatched when they were put: recovery's half of the pump. */
export class Replay {
  readonly #queues: QueueTable
  readonly #pump: Pump
  readonly #log: Log
  /** Queues hold everything below. */
  readonly #queuesFrom: LogPosition
  recordCount = 0

  constructor(queues: QueueTable, pump: Pump, log: Log, queuesFrom: LogPosition) {
    this.#queues = queues
    this.#pump = pump
    this.#log = log
    this.#queuesFrom = queuesFrom
  }

  /** Throws StoreError 'corrupt' when the record cannot belong to its queue. */
  record(bytes: Buffer, at: number, sizeBytes: number): void {
    this.recordCount++
    if (sealAt(bytes, at) !== undefined) return
    const name = topicAt(bytes, at)
    const queueId = queueIdAt(bytes, at)
    const position = positionAt(bytes, at)
    if (name === '' || topicFolder(name) === undefined || queueId < 0) {
      this.#log.warn('store.record-without-queue', {
        position,
        why: 'no folder can have the name of its topic',
      })
      return
    }
    const sysFlag = sysFlagAt(bytes, at)
    const topic = this.#queues.topic(name)
    const isQueued = position >= this.#queuesFrom && hasQueueOffset(sysFlag)
    const queue = isQueued
      ? this.#queueFor(topic, queueId, queueOffsetAt(bytes, at))
      : this.#queues.queue(topic, queueId)
    const record = {
      queue,
      position,
      sizeBytes,
      storeTimestamp: storeTimestampAt(bytes, at),
      sysFlag,
      properties: propertiesAt(bytes, at),
      change: topic.isSystem ? decodeChange(bodyAt(bytes, at)) : undefined,
    }
    this.#pump.record(record, isQueued)
    if (isQueued) queue.nextOffset = queue.maxOffset
  }

  /** The queue, with the offset as its next one. */
  #queueFor(topic: Topic, queueId: number, offset: number): ConsumeQueue {
    let queue = this.#queues.queue(topic, queueId)
    if (offset === queue.maxOffset) return queue
    const facts = { topic: topic.name, queueId, expected: queue.maxOffset, found: offset }
    if (offset < queue.maxOffset) {
      this.#log.warn('store.queue-renewed', facts)
      queue = this.#queues.renew(queue)
    }
    if (queue.maxOffset === 0) queue.startAt(offset, offset)
    else if (offset - queue.maxOffset <= GAP_MAX) {
      this.#log.warn('store.queue-gap', facts)
      queue.skipTo(offset)
    } else
      throw new StoreError(
        'corrupt',
        `queue ${queueId} of topic ${topic.name} jumps from offset ${queue.maxOffset} to ${offset}: its queue files do not belong ` +
          'to this log. Move the folder consumequeue away; it is made again from the log',
      )
    return queue
  }
}
