import { bool, int, long, optional, orElse, string } from '../fields.ts'
import { request, WHOLE_FRAME } from '../request.ts'

export const sendHeader = {
  producerGroup: string(),
  topic: string(),
  defaultTopic: orElse(string(), ''),
  defaultTopicQueueNums: orElse(int(), 4),
  queueId: int(),
  sysFlag: orElse(int(), 0),
  bornTimestamp: orElse(long(), 0),
  flag: orElse(int(), 0),
  properties: orElse(string(), ''),
  reconsumeTimes: orElse(int(), 0),
  unitMode: orElse(bool(), false),
  batch: orElse(bool(), false),
  maxReconsumeTimes: optional(int()),
}

export const sendReply = {
  msgId: string(),
  queueId: int(),
  queueOffset: long(),
  transactionId: optional(string()),
  batchUniqId: optional(string()),
  recallHandle: optional(string()),
}

/**
 * From: producer (Java only if sendSmartMsg=false; Go always), consumer (Go retry). To: broker, proxy.
 * Body: message body (may be compressed).
 * Answer: extFields MSG_REGION, TRACE_ON.
 */
export const sendMessage = request({
  code: 10,
  name: 'SEND_MESSAGE',
  header: sendHeader,
  reply: sendReply,
  bodyBytesMax: WHOLE_FRAME,
})
