import { request } from '../request.ts'

/**
 * From: broker slave → master. To: broker.
 * Answer: body delayOffset.json text.
 */
export const getAllDelayOffset = request({
  code: 45,
  name: 'GET_ALL_DELAY_OFFSET',
})
