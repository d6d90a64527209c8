import { isSystemTopic, topicNameProblem } from '../../message/names.ts'
import {
  type TopicConfig,
  topicConfigBody,
  topicConfigListBody,
  topicConfigWrapperBody,
} from '../../remoting/bodies/topic-config.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { deleteTopicInBroker } from '../../remoting/requests/delete-topic-in-broker.ts'
import type { getAllTopicConfig } from '../../remoting/requests/get-all-topic-config.ts'
import type { getTopicConfig as getTopicConfigKind } from '../../remoting/requests/get-topic-config.ts'
import type { updateAndCreateTopic } from '../../remoting/requests/update-and-create-topic.ts'
import type { updateAndCreateTopicList } from '../../remoting/requests/update-and-create-topic-list.ts'
import type { BrokerParts } from '../parts.ts'
import { PERM_MAX } from '../permissions.ts'
import { alterAttributes, parseAttributeChanges } from '../topic-attributes.ts'

type TopicParts = Pick<BrokerParts, 'settings' | 'topics' | 'register'>
type DeleteParts = Pick<BrokerParts, 'topics' | 'offsets' | 'store' | 'register'>

const FILTER_TYPES = ['SINGLE_TAG', 'MULTI_TAG'] as const
/** unit 1 | unit-sub 2 */
const SYS_FLAG_MAX = 3

/** Code 17. The nameservers know the topic when the answer goes out, as far as they answered in time. */
export async function updateTopic(
  request: Request<typeof updateAndCreateTopic.header>,
  parts: TopicParts,
): Promise<Reply<NoFields>> {
  const { header } = request
  checkTarget(header.topic, parts)
  const current = parts.topics.get(header.topic)
  const topicFilterType = FILTER_TYPES.find((name) => name === header.topicFilterType)
  if (topicFilterType === undefined)
    throw invalid(
      `topicFilterType: ${quote(header.topicFilterType)} is not one of ${FILTER_TYPES.join(', ')}`,
    )
  const config: TopicConfig = {
    topicName: header.topic,
    readQueueNums: header.readQueueNums,
    writeQueueNums: header.writeQueueNums,
    perm: header.perm,
    topicFilterType,
    topicSysFlag: header.topicSysFlag,
    order: header.order,
    attributes: alterAttributes(current?.attributes, parseAttributeChanges(header.attributes)),
  }
  checkConfig(config, parts)
  if (await parts.topics.put(config)) await parts.register()
  return {}
}

/** Code 18: all are checked before the first is changed. */
export async function updateTopicList(
  request: Request<typeof updateAndCreateTopicList.header>,
  parts: TopicParts,
): Promise<Reply<NoFields>> {
  const { topicConfigList } = topicConfigListBody.decode(request.body)
  if (topicConfigList.length === 0) throw invalid('topicConfigList is empty')
  const configs = topicConfigList.map((sent): TopicConfig => {
    checkTarget(sent.topicName, parts)
    const current = parts.topics.get(sent.topicName)
    const config = { ...sent, attributes: alterAttributes(current?.attributes, signed(sent.attributes)) }
    checkConfig(config, parts)
    return config
  })
  let isChanged = false
  for (const config of configs) if (await parts.topics.put(config)) isChanged = true
  if (isChanged) await parts.register()
  return {}
}

/** Code 215: the topic, its queues and what groups committed for it. One that does not exist is deleted already. */
export async function deleteTopic(
  request: Request<typeof deleteTopicInBroker.header>,
  { topics, offsets, store, register }: DeleteParts,
): Promise<Reply<NoFields>> {
  const { topic } = request.header
  checkTarget(topic, { settings: { validateSystemTopicWhenUpdateTopic: true } })
  await topics.delete(topic)
  await store.deleteTopic(topic)
  await offsets.deleteTopic(topic)
  await register()
  return {}
}

/** Code 21. */
export function listTopics(
  _request: Request<typeof getAllTopicConfig.header>,
  { topics }: Pick<BrokerParts, 'topics'>,
): Reply<NoFields> {
  const topicConfigTable: Record<string, TopicConfig> = Object.create(null)
  for (const config of topics.configs()) topicConfigTable[config.topicName] = config
  const { dataVersion } = topics
  return {
    body: topicConfigWrapperBody.encode({
      dataVersion,
      mappingDataVersion: dataVersion,
      topicConfigTable,
      topicQueueMappingDetailMap: {},
      topicQueueMappingInfoMap: {},
    }),
  }
}

/** Code 351. */
export function getTopicConfig(
  request: Request<typeof getTopicConfigKind.header>,
  { topics }: Pick<BrokerParts, 'topics'>,
): Reply<NoFields> {
  const { topic } = request.header
  const config = topics.get(topic)
  if (config === undefined)
    throw new RequestError(ResponseCode.TOPIC_NOT_EXIST, `No topic in this broker. topic: ${quote(topic)}`)
  return { body: topicConfigBody.encode(config) }
}

function checkTarget(
  topic: string,
  { settings }: { readonly settings: Pick<TopicParts['settings'], 'validateSystemTopicWhenUpdateTopic'> },
): void {
  const problem = topicNameProblem(topic)
  if (problem !== undefined) throw invalid(problem)
  if (settings.validateSystemTopicWhenUpdateTopic && isSystemTopic(topic))
    throw invalid(`The topic[${topic}] is conflict with system topic.`)
}

function checkConfig(config: TopicConfig, { settings }: TopicParts): void {
  const queuesMax = settings.maxQueueNumPerTopic
  checkRange('readQueueNums', config.readQueueNums, queuesMax)
  checkRange('writeQueueNums', config.writeQueueNums, queuesMax)
  checkRange('perm', config.perm, PERM_MAX)
  checkRange('topicSysFlag', config.topicSysFlag, SYS_FLAG_MAX)
}

function checkRange(name: string, value: number, max: number): void {
  if (value < 0 || value > max) throw invalid(`${name}: ${value} is not allowed; it may be 0 to ${max}`)
}

/** A list gives attributes with or without the sign that the single form demands. */
const signed = (attributes: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [/^[+-]/.test(key) ? key : `+${key}`, value]),
  )

const quote = (text: string): string => JSON.stringify(text.slice(0, 64))
const invalid = (remark: string): RequestError => new RequestError(ResponseCode.INVALID_PARAMETER, remark)
