import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { putKvConfig } from '../../remoting/requests/put-kv-config.ts'
import type { NameserverParts } from '../parts.ts'

export async function handlePutKvConfig(
  { header, peer }: Request<typeof putKvConfig.header>,
  { kv, log }: NameserverParts,
): Promise<Reply<NoFields>> {
  const { namespace, key, value } = header
  await kv.put(namespace, key, value)
  log.info('kv.put', { namespace, key, from: peer.remoteAddress })
  return {}
}
