import { bool, int, long, optional, string } from '../fields.ts'
import { request, WHOLE_FRAME } from '../request.ts'

/**
 * From: broker. To: client (producer that issued a request).
 * Body: reply body (compressed bit in sysFlag honoured).
 */
export const pushReplyMessageToClient = request({
  code: 326,
  name: 'PUSH_REPLY_MESSAGE_TO_CLIENT',
  header: {
    producerGroup: string(),
    topic: string(),
    defaultTopic: string(),
    defaultTopicQueueNums: int(),
    queueId: int(),
    sysFlag: int(),
    bornTimestamp: long(),
    flag: int(),
    properties: optional(string()),
    reconsumeTimes: optional(int()),
    unitMode: optional(bool()),
    bornHost: string(),
    storeHost: string(),
    storeTimestamp: long(),
  },
  bodyBytesMax: WHOLE_FRAME,
})
