import { queueOffset, type Timestamp } from '../../../base/units.ts'
import { groupListBody } from '../../../remoting/bodies/group-list.ts'
import type { MessageQueue } from '../../../remoting/bodies/message-queue.ts'
import { consumeStatsBody, topicStatsBody } from '../../../remoting/bodies/stats.ts'
import type { TopicConfig } from '../../../remoting/bodies/topic-config.ts'
import { ResponseCode } from '../../../remoting/codes.ts'
import { RequestError } from '../../../remoting/errors.ts'
import type { Reply, Request } from '../../../remoting/peer.ts'
import type { NoFields } from '../../../remoting/request.ts'
import type { getConsumeStats } from '../../../remoting/requests/get-consume-stats.ts'
import type { getTopicStatsInfo } from '../../../remoting/requests/get-topic-stats-info.ts'
import type { queryTopicConsumeByWho } from '../../../remoting/requests/query-topic-consume-by-who.ts'
import type { Store } from '../../../store/store.ts'
import type { BrokerParts } from '../../parts.ts'

type ProgressParts = Pick<BrokerParts, 'settings' | 'store' | 'topics' | 'offsets' | 'clients' | 'stats'>

/** Queues whose store times are read from disk at the same time. */
const READS_AT_ONCE = 32

/** Code 202: how far every queue of a topic goes, and when it was last written. */
export async function topicStats(
  { header }: Request<typeof getTopicStatsInfo.header>,
  { settings, store, topics, stats }: ProgressParts,
): Promise<Reply<NoFields>> {
  const { topic } = header
  const config = topics.get(topic)
  if (config === undefined) throw new RequestError(ResponseCode.TOPIC_NOT_EXIST, `topic[${topic}] not exist`)
  const queues = queuesOf(config, Math.max(config.readQueueNums, config.writeQueueNums), settings.brokerName)
  const offsetTable = await mapSome(queues, async (queue) => {
    const { minOffset, maxOffset } = store.queueRange(topic, queue.queueId)
    const lastUpdateTimestamp = await storeTimeBefore(store, queue, maxOffset)
    return [queue, { minOffset, maxOffset, lastUpdateTimestamp }] as const
  })
  return { body: topicStatsBody.encode({ topicPutTps: stats.topicRates(topic).last60s, offsetTable }) }
}

/** Code 208: how far a group is in its topics, or in those that the request names. */
export async function consumeStats(
  { header }: Request<typeof getConsumeStats.header>,
  parts: ProgressParts,
): Promise<Reply<NoFields>> {
  const { consumerGroup } = header
  const { settings, topics, clients, stats } = parts
  const online = clients.group(consumerGroup)
  const queues: MessageQueue[] = []
  let consumeTps = 0
  for (const topic of topicsAsked(header, parts)) {
    const config = topics.get(topic)
    if (config === undefined) continue
    // What a group that is online does not subscribe to any more would be a backlog for ever.
    if (online !== undefined && online.subscriptions.size > 0 && !online.subscriptions.has(topic)) continue
    queues.push(...queuesOf(config, config.readQueueNums, settings.brokerName))
    consumeTps += stats.groupRates(consumerGroup, topic).last60s
  }
  const offsetTable = await mapSome(
    queues,
    async (queue) => [queue, await progressOf(consumerGroup, queue, parts)] as const,
  )
  return { body: consumeStatsBody.encode({ consumeTps, offsetTable }) }
}

/** Code 300: groups that subscribe to a topic now or have offsets of it. */
export function topicGroups(
  { header }: Request<typeof queryTopicConsumeByWho.header>,
  { clients, offsets }: Pick<BrokerParts, 'clients' | 'offsets'>,
): Reply<NoFields> {
  const { topic } = header
  const groups = new Set(offsets.groupsOf(topic))
  for (const group of clients.consumerGroups()) if (group.subscriptions.has(topic)) groups.add(group.name)
  return { body: groupListBody.encode({ groupList: [...groups] }) }
}

function topicsAsked(
  { consumerGroup, topic, topicList }: Request<typeof getConsumeStats.header>['header'],
  { offsets }: ProgressParts,
): readonly string[] {
  if (topicList !== undefined && topicList.trim() !== '')
    return topicList.split(/[;,]/).map((name) => name.trim())
  return topic === undefined || topic === '' ? offsets.topicsOf(consumerGroup) : [topic]
}

async function progressOf(group: string, queue: MessageQueue, { offsets, store }: ProgressParts) {
  const { topic, queueId } = queue
  const consumerOffset = offsets.get(group, topic, queueId) ?? 0
  return {
    brokerOffset: store.queueRange(topic, queueId).maxOffset,
    consumerOffset,
    pullOffset: Math.max(consumerOffset, offsets.pullOffset(group, topic, queueId) ?? 0),
    lastTimestamp: await storeTimeBefore(store, queue, consumerOffset),
  }
}

const queuesOf = ({ topicName: topic }: TopicConfig, count: number, brokerName: string): MessageQueue[] =>
  Array.from({ length: count }, (_, queueId) => ({ brokerName, queueId, topic }))

/** Store time of the message before this offset; 0 when there is none. */
async function storeTimeBefore(store: Store, queue: MessageQueue, offset: number): Promise<Timestamp | 0> {
  if (offset <= 0) return 0
  return (await store.storeTimeOf(queue.topic, queue.queueId, queueOffset(offset - 1))) ?? 0
}

/** In order, a few at a time. */
async function mapSome<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += READS_AT_ONCE)
    results.push(...(await Promise.all(items.slice(at, at + READS_AT_ONCE).map(map))))
  return results
}
