import { bool, int, long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: consumer, proxy, broker→broker. To: broker, proxy.
 * Answer: 22 when there is no offset.
 */
export const queryConsumerOffset = request({
  code: 14,
  name: 'QUERY_CONSUMER_OFFSET',
  header: {
    consumerGroup: string(),
    topic: string(),
    queueId: int(),
    setZeroIfNotFound: optional(bool()),
  },
  reply: {
    offset: long(),
  },
})
