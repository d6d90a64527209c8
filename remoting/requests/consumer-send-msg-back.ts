import { bool, int, long, optional, orElse, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: push consumer (concurrent failure), proxy (to DLQ). To: broker, proxy.
 */
export const consumerSendMsgBack = request({
  code: 36,
  name: 'CONSUMER_SEND_MSG_BACK',
  header: {
    offset: long(),
    group: string(),
    delayLevel: orElse(int(), 0),
    originMsgId: optional(string()),
    originTopic: optional(string()),
    unitMode: optional(bool()),
    maxReconsumeTimes: optional(int()),
  },
})
