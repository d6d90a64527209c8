import { queueOffset } from '../../base/units.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { queryConsumerOffset } from '../../remoting/requests/query-consumer-offset.ts'
import type { updateConsumerOffset } from '../../remoting/requests/update-consumer-offset.ts'
import type { Store } from '../../store/store.ts'
import { isCommittable } from '../offsets.ts'
import type { BrokerParts } from '../parts.ts'

/**
 * How far the first message of a queue may lie behind the end of the log to count as "still in memory". RocketMQ asks the
 * page cache, of which this is a common size.
 */
const HOT_BYTES = 4 * 1024 ** 3

type QueryReply = Reply<typeof queryConsumerOffset.reply>

/**
 * Code 14 (protocol §6.4). 22 tells the client that there is none: it then starts where its consumeFromWhere says. The
 * exception is RocketMQ's: a queue whose very first message is still in memory is consumed from 0, so that a group that is
 * new does not miss what was sent while it started.
 */
export function queryOffset(
  request: Request<typeof queryConsumerOffset.header>,
  { offsets, store }: Pick<BrokerParts, 'offsets' | 'store'>,
): QueryReply | Promise<QueryReply> {
  const { consumerGroup, topic, queueId, setZeroIfNotFound } = request.header
  const offset = offsets.get(consumerGroup, topic, queueId)
  if (offset !== undefined) return { header: { offset } }
  if (setZeroIfNotFound === false)
    throw notFound('Not found, do not set to zero, maybe this group boot first')
  return isFirstMessageHot(store, topic, queueId).then((isHot) => {
    if (isHot) return { header: { offset: 0 } }
    throw notFound('Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first')
  })
}

async function isFirstMessageHot(store: Store, topic: string, queueId: number): Promise<boolean> {
  const { minOffset, maxOffset } = store.queueRange(topic, queueId)
  if (minOffset > 0 || maxOffset === 0) return false
  const [first] = await store.entries(topic, queueId, queueOffset(0), 1)
  return first !== undefined && store.status().maxPosition - first.position <= HOT_BYTES
}

/**
 * Code 15. One-way commits are gathered, those whose sender waits are durable before the answer. Offsets that no consumer can
 * have reached are refused (M11); see OffsetTable.commit for smaller ones.
 */
export function updateOffset(
  request: Request<typeof updateConsumerOffset.header>,
  parts: Pick<BrokerParts, 'settings' | 'offsets' | 'groups' | 'topics' | 'store'>,
): Reply<NoFields> | Promise<Reply<NoFields>> {
  const { header, peer, isOneway } = request
  const { consumerGroup, topic, queueId } = header
  checkCommit(header, parts)
  const { offsets, settings } = parts
  // What a client commits that has not seen the reset yet must not undo it.
  if (settings.useServerSideResetOffset && offsets.pendingReset(consumerGroup, topic, queueId) !== undefined)
    return { remark: 'Offset has been previously reset' }
  const place = [consumerGroup, topic, queueId, queueOffset(header.commitOffset), peer.remoteAddress] as const
  if (!isOneway) return offsets.commitDurably(...place).then(() => ({}))
  offsets.commit(...place)
  return {}
}

function checkCommit(
  header: Request<typeof updateConsumerOffset.header>['header'],
  { groups, topics, store }: Pick<BrokerParts, 'groups' | 'topics' | 'store'>,
): void {
  const { consumerGroup, topic, queueId, commitOffset } = header
  if (groups.get(consumerGroup) === undefined)
    throw new RequestError(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, `Group ${consumerGroup} not exist!`)
  const config = topics.get(topic)
  if (config === undefined) throw new RequestError(ResponseCode.TOPIC_NOT_EXIST, `Topic ${topic} not exist!`)
  const range = store.queueRange(topic, queueId)
  const queues = Math.max(config.readQueueNums, config.writeQueueNums)
  // A topic that was made smaller still has its old queues to the end.
  const isQueue = queueId >= 0 && (queueId < queues || range.maxOffset > 0)
  if (!isQueue)
    throw new RequestError(
      ResponseCode.INVALID_PARAMETER,
      `queueId[${queueId}] is illegal: ${topic} has queues 0 to ${queues - 1}`,
    )
  if (!isCommittable(commitOffset, range))
    throw new RequestError(
      ResponseCode.INVALID_PARAMETER,
      `offset ${commitOffset} cannot be committed for queue ${queueId} of ${topic}: allowed are 0 to ${range.maxOffset}`,
    )
}

const notFound = (remark: string): RequestError => new RequestError(ResponseCode.QUERY_NOT_FOUND, remark)
