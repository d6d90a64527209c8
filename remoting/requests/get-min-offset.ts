import { int, long, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: pull consumer, MQAdmin API, mqadmin. To: broker, proxy.
 */
export const getMinOffset = request({
  code: 31,
  name: 'GET_MIN_OFFSET',
  header: {
    topic: string(),
    queueId: int(),
  },
  reply: {
    offset: long(),
  },
})
