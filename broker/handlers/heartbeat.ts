import { retryTopicOf } from '../../message/names.ts'
import { type ConsumerData, type HeartbeatData, heartbeatBody } from '../../remoting/bodies/heartbeat.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { unregisterClient } from '../../remoting/requests/unregister-client.ts'
import { GROUPS_PER_CLIENT_MAX, SUBSCRIPTIONS_PER_CLIENT_MAX } from '../clients.ts'
import { EXPRESSION_BYTES_MAX } from '../filter.ts'
import { checkGroupName } from '../groups.ts'
import type { BrokerParts } from '../parts.ts'

export type HeartbeatParts = Pick<BrokerParts, 'settings' | 'topics' | 'groups' | 'clients'>
type HeartbeatReply = Reply<NoFields>

const CLIENT_ID_LENGTH_MAX = 512
const TOPIC_LENGTH_MAX = 255
/** Tags of one subscription. */
const TAGS_MAX = 1000

/**
 * Code 34 (protocol §1.9). The groups of the heartbeat that are fine are registered, whatever is wrong with the others; the answer
 * then names the first problem. Where nothing has to be made the answer comes at once.
 */
export function heartbeat(
  request: Request<NoFields>,
  parts: HeartbeatParts,
): HeartbeatReply | Promise<HeartbeatReply> {
  const data = heartbeatBody.decode(request.body)
  checkSizes(data)
  const problems: unknown[] = []
  const good = data.consumerDataSet.filter((consumer) => isWanted(consumer, parts, problems))
  const unready = good.filter((consumer) => !isReady(consumer, parts))
  if (unready.length === 0) return register(request, data, good, parts, problems)
  return Promise.all(unready.map((consumer) => prepare(consumer, parts, problems))).then(() =>
    register(request, data, good, parts, problems),
  )
}

/** Code 35: a client leaves. Always 0, as in RocketMQ; its connection is its identity. */
export function unregister(
  request: Request<typeof unregisterClient.header>,
  { clients }: Pick<BrokerParts, 'clients'>,
): Reply<NoFields> {
  const { producerGroup, consumerGroup } = request.header
  if (producerGroup !== undefined && producerGroup !== '')
    clients.unregisterProducer(request.peer, producerGroup)
  if (consumerGroup !== undefined && consumerGroup !== '')
    clients.unregisterConsumer(request.peer, consumerGroup)
  return {}
}

function checkSizes({ clientID, producerDataSet, consumerDataSet }: HeartbeatData): void {
  if (clientID === '' || clientID.length > CLIENT_ID_LENGTH_MAX)
    throw invalid(
      `clientID has ${clientID.length} characters, allowed are 1 to ${CLIENT_ID_LENGTH_MAX}: ip@instance`,
    )
  const groups = producerDataSet.length + consumerDataSet.length
  if (groups > GROUPS_PER_CLIENT_MAX)
    throw invalid(`the heartbeat names ${groups} groups, the limit for a client is ${GROUPS_PER_CLIENT_MAX}`)
  let subscriptions = 0
  for (const consumer of consumerDataSet) subscriptions += consumer.subscriptionDataSet.length
  if (subscriptions > SUBSCRIPTIONS_PER_CLIENT_MAX)
    throw invalid(
      `the heartbeat has ${subscriptions} subscriptions, the limit for a client is ${SUBSCRIPTIONS_PER_CLIENT_MAX}`,
    )
}

/** Notes what is wrong with one group of the heartbeat. */
function isWanted(consumer: ConsumerData, parts: HeartbeatParts, problems: unknown[]): boolean {
  try {
    checkGroupName(consumer.groupName)
    for (const { topic, subString, tagsSet, codeSet } of consumer.subscriptionDataSet) {
      if (topic.length > TOPIC_LENGTH_MAX)
        throw invalid(`group ${consumer.groupName} subscribes to a topic of ${topic.length} characters`)
      if (subString.length > EXPRESSION_BYTES_MAX || tagsSet.length > TAGS_MAX || codeSet.length > TAGS_MAX)
        throw invalid(
          `the subscription of ${consumer.groupName} to ${topic} is too long: ` +
            `at most ${EXPRESSION_BYTES_MAX} characters and ${TAGS_MAX} tags`,
        )
    }
  } catch (error) {
    problems.push(error)
    return false
  }
  return !(parts.settings.rejectPullConsumerEnable && consumer.consumeType === 'CONSUME_ACTIVELY')
}

/** True when the group and its retry topic are there. */
function isReady(consumer: ConsumerData, { groups, topics }: HeartbeatParts): boolean {
  if (groups.get(consumer.groupName) === undefined) return false
  const retryTopic = topics.get(retryTopicOf(consumer.groupName))
  if (retryTopic === undefined) return false
  // RocketMQ also takes the order flag back; two consumers that differ would then write a change with every heartbeat.
  return retryTopic.order || !subscribesInOrder(consumer, { topics })
}

async function prepare(consumer: ConsumerData, parts: HeartbeatParts, problems: unknown[]): Promise<void> {
  const { groups, topics } = parts
  try {
    const group = await groups.getOrCreate(consumer.groupName)
    if (group === undefined) return
    // A group that keeps no retries has the topic all the same: it is what tools find the group by.
    const queueNums = Math.max(1, group.retryQueueNums)
    const isOrder = subscribesInOrder(consumer, parts)
    await topics.ensureRetryTopic(group.groupName, queueNums, consumer.unitMode, isOrder)
  } catch (error) {
    problems.push(error)
  }
}

const subscribesInOrder = (consumer: ConsumerData, { topics }: Pick<HeartbeatParts, 'topics'>): boolean =>
  consumer.subscriptionDataSet.some(({ topic }) => topics.get(topic)?.order === true)

function register(
  { peer }: Request<NoFields>,
  data: HeartbeatData,
  consumers: readonly ConsumerData[],
  { groups, clients }: HeartbeatParts,
  problems: unknown[],
): HeartbeatReply {
  const { clientID: clientId, heartbeatFingerprint } = data
  const isV2 = heartbeatFingerprint !== 0
  const isWithoutSubscriptions = isV2 && data.withoutSub
  let isSubChange = !isV2
  const attempt = (registerOne: () => void): void => {
    try {
      registerOne()
    } catch (error) {
      problems.push(error)
    }
  }
  for (const consumer of consumers) {
    const group = groups.get(consumer.groupName)
    // Unknown, and not made here: RocketMQ skips it without a word, and its pulls are answered 26.
    if (group === undefined) continue
    if (isV2 && clients.takeFingerprint(group.groupName, heartbeatFingerprint, isWithoutSubscriptions))
      isSubChange = true
    attempt(() =>
      clients.registerConsumer({
        peer,
        clientId,
        data: consumer,
        keepsSubscriptions: isWithoutSubscriptions,
        notifies: group.notifyConsumerIdsChangedEnable,
      }),
    )
  }
  for (const { groupName } of data.producerDataSet)
    attempt(() => {
      checkGroupName(groupName)
      clients.registerProducer(peer, clientId, groupName)
    })
  if (problems.length > 0) throw problems[0]
  return { extra: { IS_SUPPORT_HEART_BEAT_V2: 'true', IS_SUB_CHANGE: String(isSubChange) } }
}

const invalid = (remark: string): RequestError => new RequestError(ResponseCode.INVALID_PARAMETER, remark)
