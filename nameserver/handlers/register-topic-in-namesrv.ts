import { topicRouteBody } from '../../remoting/bodies/topic-route.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { registerTopicInNamesrv } from '../../remoting/requests/register-topic-in-namesrv.ts'
import type { NameserverParts } from '../parts.ts'
import { checkTopicName } from '../registration-body.ts'

/** One topic from a broker with enableSingleTopicRegister. As in RocketMQ, queues on unknown brokers are passed over in silence. */
export function handleRegisterTopicInNamesrv(
  { header, body, peer }: Request<typeof registerTopicInNamesrv.header>,
  { routes, limits, log }: NameserverParts,
): Reply<NoFields> {
  checkTopicName(header.topic, limits)
  const { queueDatas } = topicRouteBody.decode(body)
  const isTaken = routes.registerTopic(
    header.topic,
    queueDatas.map((queue) => ({ ...queue, topicName: header.topic })),
  )
  if (!isTaken) log.warn('topic.refused', { topic: header.topic, from: peer.remoteAddress })
  return {}
}
