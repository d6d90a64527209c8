import { javaHash } from '../base/java-hash.ts'
import { type LogPosition, logPosition, timestamp } from '../base/units.ts'
import { findProperty, Property } from '../message/properties.ts'
import { propertiesAt, storeTimestampAt, topicAt } from '../message/record.ts'
import type { KeyIndex } from './key-index.ts'
import type { KeyQuery, KeyResult } from './store.ts'

/** Candidates that one query looks at, at most: hashes collide, on purpose perhaps. */
const CANDIDATES_MAX = 4096
const CANDIDATES_FIRST = 64

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
  let records: Buffer[] = []
  for (let limit = CANDIDATES_FIRST; limit <= CANDIDATES_MAX; limit *= 8) {
    const positions = await candidates(index, query, Math.max(limit, query.maxCount))
    records = await matching(positions, query, recordAt)
    if (records.length >= query.maxCount || positions.length < limit) break
  }
  return { records, indexLastUpdateTimestamp: time, indexLastUpdatePosition: position }
}

async function candidates(index: KeyIndex, query: KeyQuery, limit: number): Promise<LogPosition[]> {
  const found = new Set<LogPosition>()
  await index.find(javaHash(`${query.topic}#${query.key}`), query.begin, query.end, (position) => {
    found.add(position)
    return found.size < limit
  })
  return [...found].sort((a, b) => b - a)
}

async function matching(
  positions: readonly LogPosition[],
  query: KeyQuery,
  recordAt: (position: LogPosition) => Promise<Buffer | undefined>,
): Promise<Buffer[]> {
  const records: Buffer[] = []
  for (const position of positions) {
    if (records.length >= query.maxCount) break
    const record = await recordAt(position)
    if (record !== undefined && isMatch(record, query)) records.push(record)
  }
  return records
}

function isMatch(record: Buffer, query: KeyQuery): boolean {
  const time = storeTimestampAt(record, 0)
  if (time < query.begin || time > query.end || topicAt(record, 0) !== query.topic) return false
  const properties = propertiesAt(record, 0)
  if (findProperty(properties, Property.UNIQUE_KEY) === query.key) return true
  return findProperty(properties, Property.KEYS)?.split(' ').includes(query.key) === true
}
