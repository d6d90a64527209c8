import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client MQAdmin API. To: namesrv.
 * Answer: body KVTable {table}; 22 when missing.
 */
export const getKvlistByNamespace = request({
  code: 219,
  name: 'GET_KVLIST_BY_NAMESPACE',
  header: {
    namespace: string(),
  },
})
