import { javaHash } from '../base/java-hash.ts'
import { type LogPosition, logPosition, timestamp } from '../base/units.ts'
import { findProperty, Property } from '../message/properties.ts'
import { propertiesAt, storeTimestampAt, topicAt } from '../message/record.ts'
import type { KeyIndex } from './key-index.ts'
import type { KeyQuery, KeyResult } from './store.ts'

/** Candidates that one query looks at, at most: hashes collide, on purpose perhaps. */
const CANDIDATES_MAX = 4096
const CANDIDATES_FIRST = 64
/** Bytes of records that an answer holds, the first one aside; RocketMQ's clients take no frame above 16 MiB. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024
/** Bytes of records that a query looks at: they are all read and summed. */
const READ_BYTES_MAX = 32 * 1024 * 1024
/** After so many others have their turn. */
const SLICE_BYTES = 1024 * 1024

const NOTHING: KeyResult = {
  records: [],
  indexLastUpdateTimestamp: timestamp(0),
  indexLastUpdatePosition: logPosition(0),
}

/** Messages with a key, newest first. The index only proposes: topic, key and time are checked in the record. */
export async function queryByKey(
  query: KeyQuery,
  index: KeyIndex | undefined,
  recordAt: (position: LogPosition) => Promise<Buffer | undefined>,
): Promise<KeyResult> {
  if (index === undefined) return NOTHING
  const { position, time } = index.lastUpdate
  let found: Matches = { records: [], isFull: false }
  for (let limit = CANDIDATES_FIRST; limit <= CANDIDATES_MAX && !found.isFull; limit *= 8) {
    const positions = await candidates(index, query, Math.max(limit, query.maxCount))
    found = await matching(positions, query, recordAt)
    if (positions.length < limit) break
  }
  return { records: found.records, indexLastUpdateTimestamp: time, indexLastUpdatePosition: position }
}

async function candidates(index: KeyIndex, query: KeyQuery, limit: number): Promise<LogPosition[]> {
  const found = new Set<LogPosition>()
  await index.find(javaHash(`${query.topic}#${query.key}`), query.begin, query.end, (position) => {
    found.add(position)
    return found.size < limit
  })
  return [...found].sort((a, b) => b - a)
}

interface Matches {
  readonly records: readonly Buffer[]
  /** There are as many as were asked for, or as much was read as one query may read. */
  readonly isFull: boolean
}

async function matching(
  positions: readonly LogPosition[],
  query: KeyQuery,
  recordAt: (position: LogPosition) => Promise<Buffer | undefined>,
): Promise<Matches> {
  const records: Buffer[] = []
  let readBytes = 0
  let sliceBytes = 0
  let answerBytes = 0
  for (const position of positions) {
    if (records.length >= query.maxCount || readBytes >= READ_BYTES_MAX) return { records, isFull: true }
    if (sliceBytes >= SLICE_BYTES) {
      await new Promise(setImmediate)
      sliceBytes = 0
    }
    const record = await recordAt(position)
    if (record === undefined) continue
    readBytes += record.length
    sliceBytes += record.length
    if (!isMatch(record, query)) continue
    if (records.length > 0 && answerBytes + record.length > ANSWER_BYTES_MAX) return { records, isFull: true }
    records.push(record)
    answerBytes += record.length
  }
  return { records, isFull: records.length >= query.maxCount }
}

function isMatch(record: Buffer, query: KeyQuery): boolean {
  const time = storeTimestampAt(record, 0)
  if (time < query.begin || time > query.end || topicAt(record, 0) !== query.topic) return false
  const properties = propertiesAt(record, 0)
  if (findProperty(properties, Property.UNIQUE_KEY) === query.key) return true
  return findProperty(properties, Property.KEYS)?.split(' ').includes(query.key) === true
}
