import { long, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: broker at shutdown. To: namesrv.
 */
export const unregisterBroker = request({
  code: 104,
  name: 'UNREGISTER_BROKER',
  header: {
    brokerName: string(),
    brokerAddr: string(),
    clusterName: string(),
    brokerId: long(),
  },
})
