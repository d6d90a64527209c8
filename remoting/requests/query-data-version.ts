import { bool, long, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: broker with forceRegister=false. To: namesrv.
 * Body: DataVersion JSON.
 * Answer: body DataVersion of the namesrv.
 */
export const queryDataVersion = request({
  code: 322,
  name: 'QUERY_DATA_VERSION',
  header: {
    brokerName: string(),
    brokerAddr: string(),
    clusterName: string(),
    brokerId: long(),
  },
  reply: {
    changed: bool(),
  },
})
