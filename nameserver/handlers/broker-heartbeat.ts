import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { brokerHeartbeat } from '../../remoting/requests/broker-heartbeat.ts'
import type { NameserverParts } from '../parts.ts'

/** A sign of life between registrations, every second from brokers with an acting master. */
export function handleBrokerHeartbeat(
  { header }: Request<typeof brokerHeartbeat.header>,
  { routes, clock }: NameserverParts,
): Reply<NoFields> {
  routes.brokers.touch(header.clusterName, header.brokerAddr, clock.monotonicMs())
  return {}
}
