import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { unregisterBroker } from '../../remoting/requests/unregister-broker.ts'
import type { NameserverParts } from '../parts.ts'

/** A broker says goodbye. Always answered with 0, as RocketMQ does: who is not registered is gone already. */
export function handleUnregisterBroker(
  { header, peer }: Request<typeof unregisterBroker.header>,
  { routes, log, tellSmallestIds }: NameserverParts,
): Reply<NoFields> {
  const { clusterName, brokerName, brokerAddr } = header
  const { removed, smallestIdChanges } = routes.unregister(clusterName, brokerName, brokerAddr)
  tellSmallestIds(smallestIdChanges)
  for (const { brokerId } of removed)
    log.info('broker.unregistered', {
      cluster: clusterName,
      broker: brokerName,
      id: brokerId,
      address: brokerAddr,
      from: peer.remoteAddress,
    })
  return {}
}
