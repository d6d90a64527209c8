import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { NameserverParts } from '../parts.ts'

/** Served whatever enableTopicList says, as in DefaultRequestProcessor.java. */
export function handleGetSystemTopicListFromNs(
  _request: Request<NoFields>,
  { topicLists }: NameserverParts,
): Reply<NoFields> {
  return { body: topicLists.system() }
}
