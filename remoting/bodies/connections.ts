import { consumeFromWhere, consumeType, messageModel, subscriptionData } from './heartbeat.ts'
import { body, integer, list, mapOf, maybe, shape, type TypeOf, text } from './schema.ts'

/** Language is the enum's name, version the number (protocol §1.5). */
export const clientConnection = shape({ clientId: text, clientAddr: text, language: text, version: integer })
export type ClientConnection = TypeOf<typeof clientConnection>

/** Answer of 203. */
export const consumerConnection = shape({
  connectionSet: list(clientConnection),
  subscriptionTable: mapOf(subscriptionData),
  consumeType: maybe(consumeType),
  messageModel: maybe(messageModel),
  consumeFromWhere: maybe(consumeFromWhere),
})
export type ConsumerConnection = TypeOf<typeof consumerConnection>
export const consumerConnectionBody = body('ConsumerConnection', consumerConnection)

/** Answer of 204. */
export const producerConnectionBody = body(
  'ProducerConnection',
  shape({ connectionSet: list(clientConnection) }),
)

/** Answer of 328: group → its producers. */
export const producerTableBody = body(
  'ProducerTableInfo',
  shape({
    data: mapOf(
      list(
        shape({
          clientId: text,
          remoteIP: text,
          language: text,
          version: integer,
          lastUpdateTimestamp: integer,
        }),
      ),
    ),
  }),
)
