import type { Reply, Request } from '../../remoting/peer.ts'
import type { addWritePermOfBroker } from '../../remoting/requests/add-write-perm-of-broker.ts'
import type { NameserverParts } from '../parts.ts'

/** All topics of the broker become readable and writable, also those that were not before (as in RouteInfoManager.java). */
export function handleAddWritePermOfBroker(
  { header, peer }: Request<typeof addWritePermOfBroker.header>,
  { routes, log }: NameserverParts,
): Reply<typeof addWritePermOfBroker.reply> {
  const addTopicCount = routes.addWritePerm(header.brokerName)
  log.info('broker.write-permission-added', {
    broker: header.brokerName,
    topics: addTopicCount,
    from: peer.remoteAddress,
  })
  return { header: { addTopicCount } }
}
