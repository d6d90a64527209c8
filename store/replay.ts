import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
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
import type { ChangeNote } from './batch.ts'
import { topicFolder } from './layout.ts'
import type { Pump } from './pump.ts'
import type { QueueTable } from './queue-table.ts'

/** Dispatches records of the log again, as they were dispatched when they were put: recovery's half of the pump. */
export class Replay {
  readonly #queues: QueueTable
  readonly #pump: Pump
  readonly #log: Log
  recordCount = 0

  constructor(queues: QueueTable, pump: Pump, log: Log) {
    this.#queues = queues
    this.#pump = pump
    this.#log = log
  }

  record(bytes: Buffer, at: number, sizeBytes: number): void {
    this.recordCount++
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
    const topic = this.#queues.topic(name)
    const queue = this.#queues.queue(topic, queueId)
    const sysFlag = sysFlagAt(bytes, at)
    if (hasQueueOffset(sysFlag)) {
      const offset = queueOffsetAt(bytes, at)
      if (offset < queue.maxOffset) return
      if (offset > queue.maxOffset) {
        if (queue.maxOffset > 0)
          this.#log.warn('store.queue-gap', { topic: name, queueId, from: queue.maxOffset, to: offset })
        queue.startAt(offset, offset)
      }
    }
    this.#pump.record({
      queue,
      position,
      sizeBytes,
      storeTimestamp: storeTimestampAt(bytes, at),
      sysFlag,
      properties: propertiesAt(bytes, at),
      change: topic.isSystem ? decodeChange(bodyAt(bytes, at)) : undefined,
    })
    queue.nextOffset = queue.maxOffset
  }

  finish(end: LogPosition): void {
    this.#pump.advanceTo(logPosition(end))
  }
}

/** `{"table":"topics","change":…}`; undefined for anything else. */
export function decodeChange(body: Uint8Array): ChangeNote | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    if (typeof parsed !== 'object' || parsed === null) return undefined
    if (!('table' in parsed) || typeof parsed.table !== 'string' || !('change' in parsed)) return undefined
    return { table: parsed.table, change: parsed.change, isApplied: false }
  } catch {
    return undefined
  }
}

export const encodeChange = (table: string, change: unknown): Buffer =>
  Buffer.from(JSON.stringify({ table, change }), 'utf8')
