import { request } from '../request.ts'

/**
 * From: broker slave → master; mqadmin, dashboard, Go admin. To: broker.
 * Answer: body subscriptionGroup.json text (newer than 5.3.3: paged).
 */
export const getAllSubscriptiongroupConfig = request({
  code: 201,
  name: 'GET_ALL_SUBSCRIPTIONGROUP_CONFIG',
})
