import { brokerMemberGroupBody } from '../../remoting/bodies/broker-member-group.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { getBrokerMemberGroup } from '../../remoting/requests/get-broker-member-group.ts'
import type { NameserverParts } from '../parts.ts'
import { brokerDataOf } from '../route-answer.ts'

/** Who else is in a broker group; an unknown group has nobody. The cluster only comes back, as in RocketMQ. */
export function handleGetBrokerMemberGroup(
  { header }: Request<typeof getBrokerMemberGroup.header>,
  { routes }: NameserverParts,
): Reply<NoFields> {
  const { clusterName, brokerName } = header
  const group = routes.brokers.groups.get(brokerName)
  const brokerAddrs = group === undefined ? {} : brokerDataOf(group, false).brokerAddrs
  return {
    body: brokerMemberGroupBody.encode({
      brokerMemberGroup: { cluster: clusterName, brokerName, brokerAddrs },
    }),
  }
}
