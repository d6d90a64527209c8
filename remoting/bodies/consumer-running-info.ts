import { subscriptionData } from './heartbeat.ts'
import { messageQueue } from './message-queue.ts'
import {
  anything,
  body,
  decimal,
  integer,
  list,
  mapOf,
  maybe,
  objectKeyMap,
  orElse,
  shape,
  type TypeOf,
  text,
} from './schema.ts'

/** Java sends more of it than tools show; what is not listed here is dropped. */
const processQueueInfo = shape({
  commitOffset: orElse(integer, 0),
  cachedMsgMinOffset: orElse(integer, 0),
  cachedMsgMaxOffset: orElse(integer, 0),
  cachedMsgCount: orElse(integer, 0),
  cachedMsgSizeInMiB: orElse(integer, 0),
  transactionMsgMinOffset: orElse(integer, 0),
  transactionMsgMaxOffset: orElse(integer, 0),
  transactionMsgCount: orElse(integer, 0),
  locked: maybe(anything),
  tryUnlockTimes: orElse(integer, 0),
  lastLockTimestamp: orElse(integer, 0),
  droped: maybe(anything),
  lastPullTimestamp: orElse(integer, 0),
  lastConsumeTimestamp: orElse(integer, 0),
})

const consumeStatus = shape({
  pullRT: orElse(decimal, 0),
  pullTPS: orElse(decimal, 0),
  consumeRT: orElse(decimal, 0),
  consumeOKTPS: orElse(decimal, 0),
  consumeFailedTPS: orElse(decimal, 0),
  consumeFailedMsgs: orElse(integer, 0),
})

/** Answer of 307, made by a client. */
export const consumerRunningInfo = shape({
  properties: mapOf(text),
  subscriptionSet: list(subscriptionData),
  mqTable: objectKeyMap(messageQueue, processQueueInfo),
  mqPopTable: objectKeyMap(messageQueue, anything),
  statusTable: mapOf(consumeStatus),
  userConsumerInfo: mapOf(text),
  jstack: maybe(text),
})
export type ConsumerRunningInfo = TypeOf<typeof consumerRunningInfo>
export const consumerRunningInfoBody = body('ConsumerRunningInfo', consumerRunningInfo)
