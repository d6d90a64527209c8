import { bool, int, long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: consumer (CONSUME_FROM_LAST_OFFSET), MQAdmin API, broker→broker. To: broker, proxy.
 */
export const getMaxOffset = request({
  code: 30,
  name: 'GET_MAX_OFFSET',
  header: {
    topic: string(),
    queueId: int(),
    committed: optional(bool()),
  },
  reply: {
    offset: long(),
  },
})
