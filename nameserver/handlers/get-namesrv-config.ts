import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import { settingsText } from '../../settings/change.ts'
import { nameserverKeySet } from '../../settings/nameserver.ts'
import type { NameserverParts } from '../parts.ts'

export function handleGetNamesrvConfig(
  _request: Request<NoFields>,
  { settings }: NameserverParts,
): Reply<NoFields> {
  return { body: Buffer.from(settingsText(nameserverKeySet, settings)) }
}
