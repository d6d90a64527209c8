import { request } from '../request.ts'

/**
 * From: broker slave → master. To: broker.
 * Answer: body consumerOffset.json text.
 */
export const getAllConsumerOffset = request({
  code: 43,
  name: 'GET_ALL_CONSUMER_OFFSET',
})
