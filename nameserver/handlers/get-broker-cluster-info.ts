import { type ClusterInfo, clusterInfoBody } from '../../remoting/bodies/cluster-info.ts'
import type { BrokerData } from '../../remoting/bodies/topic-route.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { NameserverParts } from '../parts.ts'
import { brokerDataOf } from '../route-answer.ts'

export function handleGetBrokerClusterInfo(
  _request: Request<NoFields>,
  { routes }: NameserverParts,
): Reply<NoFields> {
  return { body: clusterInfoBody.encode(clusterInfoOf(routes)) }
}

function clusterInfoOf({ brokers }: NameserverParts['routes']): ClusterInfo {
  // Names come from outside: __proto__ must be a name like any other.
  const brokerAddrTable: Record<string, BrokerData> = Object.create(null)
  const clusterAddrTable: Record<string, readonly string[]> = Object.create(null)
  for (const group of brokers.groups.values()) brokerAddrTable[group.brokerName] = brokerDataOf(group, false)
  for (const [clusterName, brokerNames] of brokers.clusters) clusterAddrTable[clusterName] = [...brokerNames]
  return { brokerAddrTable, clusterAddrTable }
}
