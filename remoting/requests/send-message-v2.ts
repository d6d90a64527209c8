import { bool, int, long, optional, orElse, string } from '../fields.ts'
import { request, WHOLE_FRAME } from '../request.ts'
import { sendReply } from './send-message.ts'

/** One letter a field; code 320 and 325 use the same. */
export const sendV2Header = {
  producerGroup: string('a'),
  topic: string('b'),
  defaultTopic: orElse(string('c'), ''),
  defaultTopicQueueNums: orElse(int('d'), 4),
  queueId: int('e'),
  sysFlag: orElse(int('f'), 0),
  bornTimestamp: orElse(long('g'), 0),
  flag: orElse(int('h'), 0),
  properties: orElse(string('i'), ''),
  reconsumeTimes: orElse(int('j'), 0),
  unitMode: orElse(bool('k'), false),
  maxReconsumeTimes: optional(int('l')),
  batch: orElse(bool('m'), false),
  brokerName: optional(string('n')),
}

/**
 * From: producer (Java/C++ default), broker→broker (escape / acting master), proxy. To: broker, proxy.
 * Body: message body.
 */
export const sendMessageV2 = request({
  code: 310,
  name: 'SEND_MESSAGE_V2',
  header: sendV2Header,
  reply: sendReply,
  bodyBytesMax: WHOLE_FRAME,
})
