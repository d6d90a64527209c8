import { boundary, clampedLong, int, long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: consumer (CONSUME_FROM_TIMESTAMP), MQAdmin API, mqadmin. To: broker, proxy.
 */
export const searchOffsetByTimestamp = request({
  code: 29,
  name: 'SEARCH_OFFSET_BY_TIMESTAMP',
  header: {
    topic: string(),
    queueId: int(),
    timestamp: clampedLong(),
    boundaryType: optional(boundary()),
  },
  reply: {
    offset: long(),
  },
})
