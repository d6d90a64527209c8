import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { deleteTopicInNamesrv } from '../../remoting/requests/delete-topic-in-namesrv.ts'
import type { NameserverParts } from '../parts.ts'

/** An unknown topic is no error: it is deleted already. */
export function handleDeleteTopicInNamesrv(
  { header, peer }: Request<typeof deleteTopicInNamesrv.header>,
  { routes, log }: NameserverParts,
): Reply<NoFields> {
  const clusterName = header.clusterName === '' ? undefined : header.clusterName
  routes.deleteTopic(header.topic, clusterName)
  log.info('topic.deleted', { topic: header.topic, cluster: clusterName, from: peer.remoteAddress })
  return {}
}
