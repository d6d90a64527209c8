import { body, mapOf, shape, text } from './schema.ts'

/** Answer of 901: broker id → address of one broker name. */
export const brokerMembersBody = body(
  'GetBrokerMemberGroupResponseBody',
  shape({ brokerMemberGroup: shape({ cluster: text, brokerName: text, brokerAddrs: mapOf(text) }) }),
)
