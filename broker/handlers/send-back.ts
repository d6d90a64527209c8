import { logPosition } from '../../base/units.ts'
import type { HostBytes, NewMessage, StoredMessage } from '../../message/message.ts'
import { offsetMessageId } from '../../message/message-id.ts'
import { isClosedToClients, retryTopicOf } from '../../message/names.ts'
import { findProperty, Property, withProperty } from '../../message/properties.ts'
import { decodeRecord } from '../../message/record.ts'
import type { GroupConfig } from '../../remoting/bodies/subscription-group.ts'
import type { TopicConfig } from '../../remoting/bodies/topic-config.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { consumerSendMsgBack } from '../../remoting/requests/consumer-send-msg-back.ts'
import { VERSION_MAX_RECONSUME } from '../../remoting/versions.ts'
import type { BrokerParts } from '../parts.ts'
import { isWritable } from '../permissions.ts'

type SendBackRequest = Request<typeof consumerSendMsgBack.header>
export type SendBackParts = Pick<
  BrokerParts,
  'settings' | 'store' | 'topics' | 'groups' | 'schedule' | 'stats' | 'random' | 'storeHost'
>

/** Level 3 is 10 s: the first retry. Each further one takes the next level. */
const FIRST_RETRY_LEVEL = 3
/** The count is the client's to set in a send, and 32 bits wide. */
const RECONSUME_TIMES_MAX = 2 ** 31 - 1
const NO_TRANSACTION = logPosition(0)

/**
 * Code 36 (protocol §6.5): a consumer could not consume a message. It comes back through the group's retry topic after a
 * delay, or goes to the dead letter topic when it came back often enough. RocketMQ also marks the copy WAIT=false, which
 * makes its answer one that promises nothing; here a send-back is as durable as a send.
 */
export async function sendBack(request: SendBackRequest, parts: SendBackParts): Promise<Reply<NoFields>> {
  const { header } = request
  const group = await parts.groups.getOrCreate(header.group)
  if (group === undefined)
    throw new RequestError(
      ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
      `subscription group not exist, ${header.group}`,
    )
  if (!isWritable(parts.settings.brokerPermission))
    throw refusal(`the broker[${parts.settings.brokerName}] sending message is forbidden`)
  // A group without retry queues gives up at the first failure, by its own choice.
  if (group.retryQueueNums <= 0) return {}
  const stored = await findRecord(request, parts)
  const isDead = header.delayLevel < 0 || stored.reconsumeTimes >= maxReconsumeTimes(request, group)
  const target = isDead
    ? await parts.topics.ensureDlqTopic(group.groupName)
    : await retryTopic(group, header.unitMode === true, parts)
  if (!isWritable(target.perm)) throw refusal(`the topic[${target.topicName}] sending message is forbidden`)
  const queues = isDead ? target.writeQueueNums : Math.min(group.retryQueueNums, target.writeQueueNums)
  const copy = retryCopy(stored, {
    topic: target.topicName,
    queueId: Math.floor(parts.random() * Math.max(1, queues)),
    storeHost: parts.storeHost,
  })
  const level =
    header.delayLevel > 0 ? header.delayLevel : FIRST_RETRY_LEVEL + Math.max(0, stored.reconsumeTimes)
  const placed = isDead
    ? { ...copy, properties: withProperty(copy.properties, Property.DELAY, '0') }
    : parts.schedule.toDelayed(copy, level)
  await parts.store.put(placed)
  parts.stats.sentBack(group.groupName, originTopicOf(stored), isDead)
  return {}
}

/** An existing topic stays as it is: heartbeats keep its order flag. */
async function retryTopic(
  group: GroupConfig,
  isUnit: boolean,
  { topics }: SendBackParts,
): Promise<TopicConfig> {
  const { groupName, retryQueueNums } = group
  const known = topics.get(retryTopicOf(groupName))
  return known ?? topics.ensureRetryTopic(groupName, retryQueueNums, isUnit, false)
}

/** A send-back compares with `>=`, a send to a retry topic with `>`: as in RocketMQ (protocol §8.15). */
function maxReconsumeTimes({ header, command }: SendBackRequest, group: GroupConfig): number {
  const { maxReconsumeTimes: asked } = header
  return asked !== undefined && command.version >= VERSION_MAX_RECONSUME ? asked : group.retryMaxTimes
}

async function findRecord({ header }: SendBackRequest, { store }: SendBackParts): Promise<StoredMessage> {
  const { offset, originTopic } = header
  const record = offset < 0 ? undefined : await store.recordAt(logPosition(offset))
  const stored = record === undefined ? undefined : decodeRecord(record, 0)
  if (stored === undefined || !(await isInItsQueue(stored, store)))
    throw new RequestError(
      ResponseCode.SYSTEM_ERROR,
      `look message by offset failed, ${offset}: no message starts at this position of the log`,
    )
  if (isClosedToClients(stored.topic))
    throw refusal(`the message at ${offset} belongs to ${stored.topic}, which consumers do not read`)
  if (originTopic !== undefined && originTopic !== '' && !isNamed(stored, originTopic))
    throw new RequestError(
      ResponseCode.INVALID_PARAMETER,
      `the message at ${offset} is not one of topic ${JSON.stringify(originTopic.slice(0, 64))}, as the request says`,
    )
  return stored
}

/**
 * The body of a message may look like a record to the last byte, its own position included; but no consume queue leads there. Without
 * this check such a body would become a message with whatever topic and properties it says.
 */
async function isInItsQueue(
  { topic, queueId, queueOffset, position }: StoredMessage,
  store: SendBackParts['store'],
): Promise<boolean> {
  const [entry] = await store.entries(topic, queueId, queueOffset, 1)
  return entry?.position === position
}

/**
 * M22: a position may point anywhere; the caller has to know what stands there. Clients name the topic as their user sees it:
 * that of the first delivery, and without the namespace.
 */
function isNamed(stored: StoredMessage, name: string): boolean {
  const origin = originTopicOf(stored)
  return stored.topic === name || origin === name || origin.endsWith(`%${name}`)
}

const originTopicOf = (stored: StoredMessage): string =>
  findProperty(stored.properties, Property.RETRY_TOPIC) ?? stored.topic

/** The next attempt of a stored message: body and properties as they are, and where it came from first. */
export function retryCopy(
  stored: StoredMessage,
  target: { readonly topic: string; readonly queueId: number; readonly storeHost: HostBytes },
): NewMessage {
  let { properties } = stored
  if (findProperty(properties, Property.RETRY_TOPIC) === undefined)
    properties = withProperty(properties, Property.RETRY_TOPIC, stored.topic)
  if (findProperty(properties, Property.ORIGIN_MESSAGE_ID) === undefined) {
    const id = offsetMessageId(stored.storeHost, stored.position)
    properties = withProperty(properties, Property.ORIGIN_MESSAGE_ID, id)
  }
  return {
    topic: target.topic,
    queueId: target.queueId,
    flag: stored.flag,
    sysFlag: stored.sysFlag,
    bornTimestamp: stored.bornTimestamp,
    bornHost: stored.bornHost,
    storeHost: target.storeHost,
    reconsumeTimes: Math.min(stored.reconsumeTimes + 1, RECONSUME_TIMES_MAX),
    preparedTransactionOffset: NO_TRANSACTION,
    body: stored.body,
    properties,
  }
}

const refusal = (remark: string): RequestError => new RequestError(ResponseCode.NO_PERMISSION, remark)
