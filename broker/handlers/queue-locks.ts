import {
  type LockQueuesRequest,
  lockedQueuesBody,
  lockQueuesRequestBody,
} from '../../remoting/bodies/lock-queues.ts'
import type { MessageQueue } from '../../remoting/bodies/message-queue.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import { checkGroupName } from '../groups.ts'
import type { BrokerParts } from '../parts.ts'

type LockParts = Pick<BrokerParts, 'queueLocks' | 'topics' | 'clock'>

/** More queues than a topic has, with room for several topics; a request for more is answered 29 (M24). */
const QUEUES_PER_REQUEST_MAX = 16_384
const CLIENT_ID_LENGTH_MAX = 512

/** Code 41: the answer lists the queues that this client holds now. Queues that do not exist are never held. */
export function lockQueues(request: Request<NoFields>, parts: LockParts): Reply<NoFields> {
  const { consumerGroup, clientId, mqSet } = decode(request)
  const nowMs = parts.clock.monotonicMs()
  const lockOKMQSet = mqSet.filter(
    (queue) => exists(queue, parts) && parts.queueLocks.lock(consumerGroup, clientId, queue, nowMs),
  )
  return { body: lockedQueuesBody.encode({ lockOKMQSet }) }
}

/** Code 42: 0 also for queues that the client does not hold; those stay with whoever holds them. */
export function unlockQueues(request: Request<NoFields>, parts: LockParts): Reply<NoFields> {
  const { consumerGroup, clientId, mqSet } = decode(request)
  for (const queue of mqSet) parts.queueLocks.unlock(consumerGroup, clientId, queue)
  return {}
}

function decode(request: Request<NoFields>): LockQueuesRequest {
  const body = lockQueuesRequestBody.decode(request.body)
  checkGroupName(body.consumerGroup)
  if (body.clientId === '' || body.clientId.length > CLIENT_ID_LENGTH_MAX)
    throw new RequestError(
      ResponseCode.INVALID_PARAMETER,
      `clientId has ${body.clientId.length} characters, allowed are 1 to ${CLIENT_ID_LENGTH_MAX}`,
    )
  if (body.mqSet.length > QUEUES_PER_REQUEST_MAX)
    throw new RequestError(
      ResponseCode.INVALID_PARAMETER,
      `the request names ${body.mqSet.length} queues, the limit is ${QUEUES_PER_REQUEST_MAX}`,
    )
  return body
}

function exists({ topic, queueId }: MessageQueue, { topics }: LockParts): boolean {
  const config = topics.get(topic)
  return (
    config !== undefined && queueId >= 0 && queueId < Math.max(config.readQueueNums, config.writeQueueNums)
  )
}
