import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker.
 * Answer: body {connectionSet:[{clientId,clientAddr,language,version}]}; 1 when nobody is online.
 */
export const getProducerConnectionList = request({
  code: 204,
  name: 'GET_PRODUCER_CONNECTION_LIST',
  header: {
    producerGroup: string(),
  },
})
