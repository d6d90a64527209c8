import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin. To: namesrv.
 * Answer: 22 when missing.
 */
export const getKvConfig = request({
  code: 101,
  name: 'GET_KV_CONFIG',
  header: {
    namespace: string(),
    key: string(),
  },
  reply: {
    value: optional(string()),
  },
})
