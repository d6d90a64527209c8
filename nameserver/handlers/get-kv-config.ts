import { ResponseCode } from '../../remoting/codes.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { getKvConfig } from '../../remoting/requests/get-kv-config.ts'
import type { NameserverParts } from '../parts.ts'

export function handleGetKvConfig(
  { header }: Request<typeof getKvConfig.header>,
  { kv }: NameserverParts,
): Reply<typeof getKvConfig.reply> {
  const { namespace, key } = header
  const value = kv.get(namespace, key)
  if (value !== undefined) return { header: { value } }
  return {
    code: ResponseCode.QUERY_NOT_FOUND,
    remark: `No config item, Namespace: ${namespace} Key: ${key}`,
  }
}
