import { retryTopicOf } from '../../../message/names.ts'
import {
  type GroupConfig,
  groupConfig,
  groupConfigBody,
  groupConfigListBody,
} from '../../../remoting/bodies/subscription-group.ts'
import { ResponseCode } from '../../../remoting/codes.ts'
import { RequestError } from '../../../remoting/errors.ts'
import type { Reply, Request } from '../../../remoting/peer.ts'
import type { NoFields } from '../../../remoting/request.ts'
import type { deleteSubscriptiongroup } from '../../../remoting/requests/delete-subscriptiongroup.ts'
import type { getSubscriptiongroupConfig } from '../../../remoting/requests/get-subscriptiongroup-config.ts'
import { checkGroupName } from '../../groups.ts'
import type { BrokerParts } from '../../parts.ts'

type GroupParts = Pick<BrokerParts, 'settings' | 'groups' | 'topics' | 'offsets' | 'stats' | 'log'>

/** Groups in one request (225). */
const GROUPS_PER_REQUEST_MAX = 10_000
/** Retry policy and subscriptions of a group are kept as they come, in memory and in every snapshot. */
const CONFIG_LENGTH_MAX = 64 * 1024

/** Code 200: creates or replaces a group. */
export async function updateGroup(request: Request<NoFields>, parts: GroupParts): Promise<Reply<NoFields>> {
  await put(groupConfigBody.decode(request.body), request, parts)
  return {}
}

/** Code 225: the same for many; all are looked at before the first is changed. */
export async function updateGroups(request: Request<NoFields>, parts: GroupParts): Promise<Reply<NoFields>> {
  const { groupConfigList } = groupConfigListBody.decode(request.body)
  if (groupConfigList.length > GROUPS_PER_REQUEST_MAX)
    throw invalid(`the request has ${groupConfigList.length} groups, the limit is ${GROUPS_PER_REQUEST_MAX}`)
  for (const config of groupConfigList) check(config, parts)
  await Promise.all(groupConfigList.map((config) => put(config, request, parts)))
  return {}
}

/** Code 201: the whole table, as subscriptionGroup.json has it. */
export function listGroups(
  _request: Request<NoFields>,
  { groups }: Pick<BrokerParts, 'groups'>,
): Reply<NoFields> {
  return { body: Buffer.from(groups.snapshot()) }
}

/** Code 352. RocketMQ makes a group that is asked for; here a question changes nothing. */
export function getGroup(
  { header }: Request<typeof getSubscriptiongroupConfig.header>,
  { groups }: Pick<BrokerParts, 'groups'>,
): Reply<NoFields> {
  const config = groups.get(header.group)
  if (config === undefined)
    throw new RequestError(
      ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
      `subscription group not exist, ${header.group}`,
    )
  return { body: groupConfigBody.encode(config) }
}

/** Code 207. Clients of the group that are connected make it again with their next heartbeat, as in RocketMQ. */
export async function deleteGroup(
  { header, peer }: Request<typeof deleteSubscriptiongroup.header>,
  { groups, offsets, stats, log }: GroupParts,
): Promise<Reply<NoFields>> {
  const { groupName, cleanOffset } = header
  await groups.delete(groupName)
  if (cleanOffset === true) await offsets.deleteGroup(groupName)
  stats.forgetGroup(groupName)
  log.info('group.deleted', { group: groupName, cleanOffset, by: peer.remoteAddress })
  return {}
}

async function put(config: GroupConfig, { peer }: Request<NoFields>, parts: GroupParts): Promise<void> {
  check(config, parts)
  const { groups, topics, log } = parts
  const { groupName, retryQueueNums } = config
  const attributes = config.attributes ?? {}
  if (await groups.put({ ...config, attributes }))
    log.info('group.changed', { group: groupName, by: peer.remoteAddress })
  // Tools find a group through the route of its retry topic: without one a group that nobody used yet is invisible.
  if (retryQueueNums > 0 && topics.get(retryTopicOf(groupName)) === undefined)
    await topics.ensureRetryTopic(groupName, retryQueueNums, false, false)
}

/** Throws RequestError 29. */
function check(config: GroupConfig, { settings, groups }: GroupParts): void {
  const { groupName, retryQueueNums, attributes } = config
  checkGroupName(groupName)
  if (retryQueueNums > settings.maxQueueNumPerTopic)
    throw invalid(`retryQueueNums is ${retryQueueNums}, the limit is ${settings.maxQueueNumPerTopic}`)
  const { length } = groupConfig.encode(config)
  if (length > CONFIG_LENGTH_MAX)
    throw invalid(
      `the configuration of ${groupName} has ${length} characters, the limit is ${CONFIG_LENGTH_MAX}`,
    )
  const known = groups.get(groupName)?.attributes ?? {}
  for (const [name, value] of Object.entries(attributes))
    if (known[name] !== value) throw invalid(`unsupported key: ${name}; a group has no attributes here`)
}

const invalid = (remark: string): RequestError => new RequestError(ResponseCode.INVALID_PARAMETER, remark)
