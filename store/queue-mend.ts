import { type LogPosition, logPosition } from '../base/units.ts'
import {
  MAGIC_BLANK,
  MAGIC_V1,
  MAGIC_V2,
  magicAt,
  positionAt,
  queueIdAt,
  queueOffsetAt,
  RECORD_MIN_BYTES,
  sizeAt,
  sysFlagAt,
  topicAt,
} from '../message/record.ts'
import { hasQueueOffset } from '../message/sys-flag.ts'
import type { ConsumeQueue } from './consume-queue.ts'
import type { LogReader } from './log-reader.ts'
import type { QueueEntry } from './store.ts'

export interface MendParts {
  readonly log: LogReader
  readonly segmentBytes: number
  readonly logStart: () => LogPosition
  readonly readable: () => LogPosition
  /** An entry as it is on disk. */
  readonly entry: (queue: ConsumeQueue, offset: number) => Promise<QueueEntry | undefined>
}

interface Found {
  readonly position: LogPosition
  readonly record: Buffer
}

/** Entries on either side that are tried as landmarks. */
const LANDMARKS_MAX = 64
/** Log that is looked through for one entry. */
const SEARCH_BYTES_MAX = 256 * 1024 * 1024

/**
 * Finds again where the message of a damaged queue entry lies: the log is the truth, and between the messages before and after
 * it there is not much to look through. Undefined when it is not found.
 */
export async function findMessage(
  parts: MendParts,
  queue: ConsumeQueue,
  offset: number,
): Promise<Found | undefined> {
  const from = await landmark(parts, queue, offset, -1)
  const to = await landmark(parts, queue, offset, 1)
  const end = Math.min(to, from + SEARCH_BYTES_MAX)
  let position = from
  // The last one counts: a topic that was deleted and made again has had the same offsets before.
  let found: Found | undefined
  while (position + RECORD_MIN_BYTES <= end) {
    const room = parts.segmentBytes - (position % parts.segmentBytes)
    const head = await parts.log.read(position, Math.min(room, RECORD_MIN_BYTES))
    const size = head.length >= 8 ? sizeAt(head, 0) : 0
    if (head.length < RECORD_MIN_BYTES || magicAt(head, 0) === MAGIC_BLANK) {
      position = logPosition(position + room)
      continue
    }
    if (!isRecordHead(head, position) || size > room) return undefined
    // Seals and rolled back messages carry offset 0 without having a place in a queue.
    const isCandidate = queueOffsetAt(head, 0) === offset && queueIdAt(head, 0) === queue.queueId
    if (isCandidate && hasQueueOffset(sysFlagAt(head, 0))) {
      const record = await parts.log.read(position, size)
      if (topicAt(record, 0) === queue.topic.name) found = { position, record }
    }
    position = logPosition(position + size)
  }
  return found
}

/** End of the nearest message before (-1), or start of the nearest after (1), whose entry leads to it. */
async function landmark(
  parts: MendParts,
  queue: ConsumeQueue,
  offset: number,
  step: -1 | 1,
): Promise<LogPosition> {
  for (let count = 1; count <= LANDMARKS_MAX; count++) {
    const other = offset + step * count
    if (other < queue.minOffset || other >= queue.maxOffset) break
    const entry = await parts.entry(queue, other)
    if (entry === undefined || !isSaneEntry(parts, entry.position, entry.sizeBytes)) continue
    const head = await parts.log.read(entry.position, RECORD_MIN_BYTES)
    if (!isRecordHead(head, entry.position) || !leadsTo(head, queue, other)) continue
    return step < 0 ? logPosition(entry.position + sizeAt(head, 0)) : entry.position
  }
  return step < 0 ? parts.logStart() : parts.readable()
}

/** A place where a record can be. */
export function isSaneEntry(
  parts: Pick<MendParts, 'segmentBytes' | 'logStart' | 'readable'>,
  position: number,
  size: number,
): boolean {
  return (
    position >= parts.logStart() &&
    size >= RECORD_MIN_BYTES &&
    position + size <= parts.readable() &&
    (position % parts.segmentBytes) + size <= parts.segmentBytes
  )
}

const isRecordHead = (head: Buffer, position: LogPosition): boolean =>
  (magicAt(head, 0) === MAGIC_V1 || magicAt(head, 0) === MAGIC_V2) &&
  positionAt(head, 0) === position &&
  sizeAt(head, 0) >= RECORD_MIN_BYTES

/**
 * The record says that it is this entry's. Light queues of RocketMQ (%LMQ%…) point into records of other queues, which carry other
 * offsets.
 */
export const leadsTo = (record: Buffer, queue: ConsumeQueue, offset: number): boolean =>
  queue.topic.isLight || (queueOffsetAt(record, 0) === offset && queueIdAt(record, 0) === queue.queueId)
