import { clampedLong, int, long, optional, orElse, roundedLong, string } from '../fields.ts'
import { request } from '../request.ts'

export const pullHeader = {
  consumerGroup: string(),
  topic: string(),
  queueId: int(),
  queueOffset: clampedLong(),
  maxMsgNums: orElse(int(), 32),
  sysFlag: orElse(int(), 0),
  commitOffset: orElse(clampedLong(), 0),
  suspendTimeoutMillis: orElse(clampedLong(), 0),
  subscription: optional(string()),
  subVersion: orElse(roundedLong(), 0),
  expressionType: optional(string()),
  maxMsgBytes: optional(int()),
  requestSource: optional(int()),
  proxyFrowardClientId: optional(string()),
}

/** All four offsets have to be in the answer, whatever its code: Java clients unbox them. */
export const pullReply = {
  suggestWhichBrokerId: long(),
  nextBeginOffset: long(),
  minOffset: long(),
  maxOffset: long(),
  offsetDelta: optional(long()),
  topicSysFlag: optional(int()),
  groupSysFlag: optional(int()),
  forbiddenType: optional(int()),
}

/**
 * From: push/pull consumer, proxy, broker→broker (static topic, escape). To: broker (not on fast port), proxy.
 * Answer: body = concatenated stored messages.
 */
export const pullMessage = request({
  code: 11,
  name: 'PULL_MESSAGE',
  header: pullHeader,
  reply: pullReply,
})
