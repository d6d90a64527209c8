import { logPosition, type Timestamp } from '../base/units.ts'
import type { NewMessage } from '../message/message.ts'
import { CHANGE_TOPIC } from '../message/names.ts'
import type { ChangeNote } from './batch.ts'

/*
 * A change record (design D7): an ordinary message in RMQ_SYS_ROCKETCLUSTER, queue 0, whose body is
 *
 *     {"table":"topics","change":…}
 *
 * The change is whatever the table of that name understands. The store's own table is called `.store`.
 */
export const STORE_TABLE = '.store'

const NO_HOST = Buffer.alloc(8)

/** Undefined for a body that is no change record. */
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

export const changeMessage = (table: string, change: unknown, now: Timestamp): NewMessage => ({
  topic: CHANGE_TOPIC,
  queueId: 0,
  flag: 0,
  sysFlag: 0,
  bornTimestamp: now,
  bornHost: NO_HOST,
  storeHost: NO_HOST,
  reconsumeTimes: 0,
  preparedTransactionOffset: logPosition(0),
  body: Buffer.from(JSON.stringify({ table, change }), 'utf8'),
  properties: '',
})

/** The store's own change: a topic is deleted. Its records before this one are in no queue any more. */
export interface TopicDeletion {
  readonly deletedTopic: string
}

export function deletedTopicOf(change: unknown): string | undefined {
  if (typeof change !== 'object' || change === null || !('deletedTopic' in change)) return undefined
  return typeof change.deletedTopic === 'string' ? change.deletedTopic : undefined
}
