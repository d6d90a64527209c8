import { request } from '../request.ts'

/**
 * From: mqadmin haStatus. To: broker.
 * Answer: body HARuntimeInfo.
 */
export const getBrokerHaStatus = request({
  code: 907,
  name: 'GET_BROKER_HA_STATUS',
})
