import { bool, clampedLong, int, long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: MQAdmin API in every client, mqadmin, dashboard. To: broker.
 * Body: — (extField _UNIQUE_KEY_QUERY=true for id queries).
 * Answer: body = concatenated messages; 22 when nothing matches.
 */
export const queryMessage = request({
  code: 12,
  name: 'QUERY_MESSAGE',
  header: {
    topic: string(),
    key: string(),
    maxNum: int(),
    beginTimestamp: clampedLong(),
    endTimestamp: clampedLong(),
    /** The key is a unique id; the caller compares it itself. */
    isUniqueKey: optional(bool('_UNIQUE_KEY_QUERY')),
  },
  reply: {
    indexLastUpdateTimestamp: long(),
    indexLastUpdatePhyoffset: long(),
  },
})
