import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker.
 * Answer: body KVTable {table:{…}} (keys in §2.4).
 */
export const getBrokerRuntimeInfo = request({
  code: 28,
  name: 'GET_BROKER_RUNTIME_INFO',
})
