import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin. To: namesrv.
 */
export const deleteKvConfig = request({
  code: 102,
  name: 'DELETE_KV_CONFIG',
  header: {
    namespace: string(),
    key: string(),
  },
})
