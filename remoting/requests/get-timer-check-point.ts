import { request } from '../request.ts'

/**
 * From: broker slave → master every 3 s. To: broker.
 * Answer: body 56 raw bytes.
 */
export const getTimerCheckPoint = request({
  code: 60,
  name: 'GET_TIMER_CHECK_POINT',
})
