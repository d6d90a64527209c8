import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker, proxy.
 * Answer: body ConsumerConnection {connectionSet,subscriptionTable,consumeType,messageModel,consumeFromWhere}; 206 when nobody is online.
 */
export const getConsumerConnectionList = request({
  code: 203,
  name: 'GET_CONSUMER_CONNECTION_LIST',
  header: {
    consumerGroup: string(),
  },
})
