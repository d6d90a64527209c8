import { ResponseCode } from '../../remoting/codes.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { getKvlistByNamespace } from '../../remoting/requests/get-kvlist-by-namespace.ts'
import type { NameserverParts } from '../parts.ts'

export function handleGetKvlistByNamespace(
  { header }: Request<typeof getKvlistByNamespace.header>,
  { kv }: NameserverParts,
): Reply<NoFields> {
  const table = kv.tableJson(header.namespace)
  if (table !== undefined) return { body: Buffer.from(table) }
  return { code: ResponseCode.QUERY_NOT_FOUND, remark: `No config item, Namespace: ${header.namespace}` }
}
