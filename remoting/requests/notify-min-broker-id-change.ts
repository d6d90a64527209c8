import { long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: namesrv (oneway). To: broker.
 */
export const notifyMinBrokerIdChange = request({
  code: 905,
  name: 'NOTIFY_MIN_BROKER_ID_CHANGE',
  header: {
    minBrokerId: optional(long()),
    brokerName: optional(string()),
    minBrokerAddr: optional(string()),
    offlineBrokerAddr: optional(string()),
    haBrokerAddr: optional(string()),
  },
})
