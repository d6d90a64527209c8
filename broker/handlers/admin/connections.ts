import {
  type ClientConnection,
  consumerConnectionBody,
  producerConnectionBody,
} from '../../../remoting/bodies/connections.ts'
import { ResponseCode } from '../../../remoting/codes.ts'
import { RequestError } from '../../../remoting/errors.ts'
import { languageName } from '../../../remoting/languages.ts'
import type { Reply, Request } from '../../../remoting/peer.ts'
import type { NoFields } from '../../../remoting/request.ts'
import type { getConsumerConnectionList } from '../../../remoting/requests/get-consumer-connection-list.ts'
import type { getProducerConnectionList } from '../../../remoting/requests/get-producer-connection-list.ts'
import type { Member } from '../../clients.ts'
import type { BrokerParts } from '../../parts.ts'

/** Code 203: who consumes in a group, and what. 206 when nobody is online. */
export function consumerConnections(
  { header }: Request<typeof getConsumerConnectionList.header>,
  { clients }: Pick<BrokerParts, 'clients'>,
): Reply<NoFields> {
  const group = clients.group(header.consumerGroup)
  if (group === undefined)
    throw new RequestError(
      ResponseCode.CONSUMER_NOT_ONLINE,
      `the consumer group[${header.consumerGroup}] not online`,
    )
  return {
    body: consumerConnectionBody.encode({
      connectionSet: [...group.members.values()].map(connectionOf),
      subscriptionTable: Object.fromEntries(group.subscriptions),
      consumeType: group.consumeType,
      messageModel: group.messageModel,
      consumeFromWhere: group.consumeFromWhere,
    }),
  }
}

/** Code 204: 1, not 206, when nobody is online: as in RocketMQ. */
export function producerConnections(
  { header }: Request<typeof getProducerConnectionList.header>,
  { clients }: Pick<BrokerParts, 'clients'>,
): Reply<NoFields> {
  const members = clients.producers(header.producerGroup)
  if (members.size === 0)
    throw new RequestError(ResponseCode.SYSTEM_ERROR, `the producer group[${header.producerGroup}] not exist`)
  return { body: producerConnectionBody.encode({ connectionSet: [...members.values()].map(connectionOf) }) }
}

const connectionOf = ({ peer, clientId }: Member): ClientConnection => ({
  clientId,
  clientAddr: peer.remoteAddress,
  language: languageName(peer.language),
  version: peer.version,
})
