import { ResponseCode } from '../../remoting/codes.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { NameserverParts } from '../parts.ts'

export function handleGetAllTopicListFromNameserver(
  _request: Request<NoFields>,
  { settings, topicLists }: NameserverParts,
): Reply<NoFields> {
  if (!settings.enableAllTopicList) return { code: ResponseCode.SYSTEM_ERROR, remark: 'disable' }
  return { body: topicLists.all() }
}
