import { ResponseCode } from '../../remoting/codes.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { getRouteinfoByTopic } from '../../remoting/requests/get-routeinfo-by-topic.ts'
import { VERSION_STANDARD_JSON } from '../../remoting/versions.ts'
import { ORDER_TOPIC_CONFIG } from '../kv-config.ts'
import type { NameserverParts } from '../parts.ts'

/** extFields that RocketMQ's zone hook reads (MixAll.ZONE_MODE, MixAll.ZONE_NAME). */
const ZONE_MODE = '__ZONE_MODE'
export const ZONE_NAME = '__ZONE_NAME'

/** Characters of an unknown topic in the answer; no topic has a longer name. */
const TOPIC_SHOWN_MAX = 255

type RouteRequest = Request<typeof getRouteinfoByTopic.header>

export function handleGetRouteinfoByTopic(request: RouteRequest, parts: NameserverParts): Reply<NoFields> {
  const { clock, routeServed } = parts
  const startedAtMs = clock.monotonicMs()
  const reply = replyTo(request, parts)
  routeServed(clock.monotonicMs() - startedAtMs)
  return reply
}

function replyTo(
  { header, command }: RouteRequest,
  { settings, answers, kv, clock, startedAtMs }: NameserverParts,
): Reply<NoFields> {
  const { needWaitForService, waitSecondsForService, orderMessageEnable, supportActingMaster } = settings
  // Brokers need a while to find a fresh nameserver; "no route" would be believed before that.
  if (needWaitForService && clock.monotonicMs() - startedAtMs < waitSecondsForService * 1000)
    return { code: ResponseCode.SYSTEM_ERROR, remark: 'name server not ready' }

  const { topic } = header
  const view = {
    isStandardJson: command.version >= VERSION_STANDARD_JSON || header.acceptStandardJsonOnly === true,
    showsActingMaster: supportActingMaster,
    zoneName: zoneOf(command.ext),
  }
  const orderTopicConf = orderMessageEnable ? kv.get(ORDER_TOPIC_CONFIG, topic) : undefined
  const body = answers.answer(topic, view, orderTopicConf)
  if (body === undefined)
    return {
      code: ResponseCode.TOPIC_NOT_EXIST,
      remark: `No topic route info in name server for the topic: ${topic.slice(0, TOPIC_SHOWN_MAX)}`,
    }
  return { body }
}

function zoneOf(ext: Readonly<Record<string, string>> | undefined): string | undefined {
  if (ext === undefined || ext[ZONE_MODE]?.toLowerCase() !== 'true') return undefined
  const zoneName = ext[ZONE_NAME]
  return zoneName === undefined || zoneName.trim() === '' ? undefined : zoneName
}
