import { int, long, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: MQAdmin API (earliestMsgStoreTime). To: broker.
 */
export const getEarliestMsgStoretime = request({
  code: 32,
  name: 'GET_EARLIEST_MSG_STORETIME',
  header: {
    topic: string(),
    queueId: int(),
  },
  reply: {
    timestamp: long(),
  },
})
