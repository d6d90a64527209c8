import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: push consumer at each rebalance. To: broker, proxy.
 * Answer: body {consumerIdList:[str]}; 1 when the group is empty.
 */
export const getConsumerListByGroup = request({
  code: 38,
  name: 'GET_CONSUMER_LIST_BY_GROUP',
  header: {
    consumerGroup: string(),
  },
})
