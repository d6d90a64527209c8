import { bool, int, long, optional, orElse, string } from '../fields.ts'
import { request, WHOLE_FRAME } from '../request.ts'

/**
 * From: broker → every namesrv. To: namesrv.
 * Body: RegisterBrokerBody.
 * Answer: body KVTable of order-topic configs.
 */
export const registerBroker = request({
  code: 103,
  name: 'REGISTER_BROKER',
  header: {
    brokerName: string(),
    brokerAddr: string(),
    clusterName: string(),
    haServerAddr: orElse(string(), ''),
    brokerId: long(),
    heartbeatTimeoutMillis: optional(long()),
    enableActingMaster: optional(bool()),
    compressed: optional(bool()),
    bodyCrc32: optional(int()),
  },
  reply: {
    haServerAddr: optional(string()),
    masterAddr: optional(string()),
  },
  bodyBytesMax: WHOLE_FRAME,
})
