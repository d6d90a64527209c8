import { consumerListBody } from '../../remoting/bodies/consumer-list.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { getConsumerListByGroup } from '../../remoting/requests/get-consumer-list-by-group.ts'
import type { BrokerParts } from '../parts.ts'

/** All members of a group ask at the same time after a change: the answer is encoded once. */
const bodies = new WeakMap<readonly string[], Buffer>()

/** Code 38: the ids by which the clients of a group share its queues. Complete and without duplicates (protocol §6.9). */
export function consumerList(
  request: Request<typeof getConsumerListByGroup.header>,
  { clients }: Pick<BrokerParts, 'clients'>,
): Reply<NoFields> {
  const { consumerGroup } = request.header
  const consumerIdList = clients.consumerIds(consumerGroup)
  if (consumerIdList.length === 0)
    throw new RequestError(ResponseCode.SYSTEM_ERROR, `no consumer for this group, ${consumerGroup}`)
  let body = bodies.get(consumerIdList)
  if (body === undefined) {
    body = consumerListBody.encode({ consumerIdList })
    bodies.set(consumerIdList, body)
  }
  return { body }
}
