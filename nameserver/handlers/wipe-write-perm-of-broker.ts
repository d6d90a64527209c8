import type { Reply, Request } from '../../remoting/peer.ts'
import type { wipeWritePermOfBroker } from '../../remoting/requests/wipe-write-perm-of-broker.ts'
import type { NameserverParts } from '../parts.ts'

/** Producers leave the broker with their next look at the route; it lasts until the broker's topics change. */
export function handleWipeWritePermOfBroker(
  { header, peer }: Request<typeof wipeWritePermOfBroker.header>,
  { routes, log }: NameserverParts,
): Reply<typeof wipeWritePermOfBroker.reply> {
  const wipeTopicCount = routes.wipeWritePerm(header.brokerName)
  log.info('broker.write-permission-wiped', {
    broker: header.brokerName,
    topics: wipeTopicCount,
    from: peer.remoteAddress,
  })
  return { header: { wipeTopicCount } }
}
