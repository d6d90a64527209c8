import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin updateKvConfig, updateOrderConf, updateTopic -o. To: namesrv.
 */
export const putKvConfig = request({
  code: 100,
  name: 'PUT_KV_CONFIG',
  header: {
    namespace: string(),
    key: string(),
    value: string(),
  },
})
