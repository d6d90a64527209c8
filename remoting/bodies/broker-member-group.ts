import { body, mapOf, shape, text } from './schema.ts'

/** Answer of 901: broker id (digits) → `ip:port` of one broker group. */
export const brokerMemberGroupBody = body(
  'GetBrokerMemberGroupResponseBody',
  shape({
    brokerMemberGroup: shape({ cluster: text, brokerName: text, brokerAddrs: mapOf(text) }),
  }),
)
