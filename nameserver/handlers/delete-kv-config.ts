import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { deleteKvConfig } from '../../remoting/requests/delete-kv-config.ts'
import type { NameserverParts } from '../parts.ts'

export async function handleDeleteKvConfig(
  { header, peer }: Request<typeof deleteKvConfig.header>,
  { kv, log }: NameserverParts,
): Promise<Reply<NoFields>> {
  const { namespace, key } = header
  await kv.delete(namespace, key)
  log.info('kv.deleted', { namespace, key, from: peer.remoteAddress })
  return {}
}
