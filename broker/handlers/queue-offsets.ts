import { timestamp } from '../../base/units.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { getEarliestMsgStoretime } from '../../remoting/requests/get-earliest-msg-storetime.ts'
import type { getMaxOffset as getMaxOffsetKind } from '../../remoting/requests/get-max-offset.ts'
import type { getMinOffset as getMinOffsetKind } from '../../remoting/requests/get-min-offset.ts'
import type { searchOffsetByTimestamp } from '../../remoting/requests/search-offset-by-timestamp.ts'
import type { BrokerParts } from '../parts.ts'

type Parts = Pick<BrokerParts, 'store'>

/** What getEarliestTime of RocketMQ answers for a queue without a message. */
const NO_STORE_TIME = -1

/** Code 30: one past the last message; 0 for a queue nobody wrote to, as in RocketMQ. */
export function getMaxOffset(
  request: Request<typeof getMaxOffsetKind.header>,
  { store }: Parts,
): Reply<typeof getMaxOffsetKind.reply> {
  const { topic, queueId } = request.header
  return { header: { offset: store.queueRange(topic, checkedQueue(queueId)).maxOffset } }
}

/** Code 31. */
export function getMinOffset(
  request: Request<typeof getMinOffsetKind.header>,
  { store }: Parts,
): Reply<typeof getMinOffsetKind.reply> {
  const { topic, queueId } = request.header
  return { header: { offset: store.queueRange(topic, checkedQueue(queueId)).minOffset } }
}

/** Code 29. */
export async function searchOffset(
  request: Request<typeof searchOffsetByTimestamp.header>,
  { store }: Parts,
): Promise<Reply<typeof searchOffsetByTimestamp.reply>> {
  const { topic, queueId, timestamp: time, boundaryType } = request.header
  const boundary = boundaryType === 'UPPER' ? 'upper' : 'lower'
  const offset = await store.offsetByTime(topic, checkedQueue(queueId), timestamp(time), boundary)
  return { header: { offset } }
}

/** Code 32. */
export async function earliestStoreTime(
  request: Request<typeof getEarliestMsgStoretime.header>,
  { store }: Parts,
): Promise<Reply<typeof getEarliestMsgStoretime.reply>> {
  const { topic, queueId } = request.header
  const { minOffset } = store.queueRange(topic, checkedQueue(queueId))
  const time = await store.storeTimeOf(topic, queueId, minOffset)
  return { header: { timestamp: time ?? timestamp(NO_STORE_TIME) } }
}

function checkedQueue(queueId: number): number {
  if (queueId >= 0) return queueId
  throw new RequestError(
    ResponseCode.INVALID_PARAMETER,
    `queueId[${queueId}] is illegal: queues count from 0`,
  )
}
