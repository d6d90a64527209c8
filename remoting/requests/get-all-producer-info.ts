import { request } from '../request.ts'

/**
 * From: mqadmin producer. To: broker.
 * Answer: body ProducerTableInfo {data:{group:[{clientId,remoteIP,language,version,lastUpdateTimestamp}]}}.
 */
export const getAllProducerInfo = request({
  code: 328,
  name: 'GET_ALL_PRODUCER_INFO',
})
