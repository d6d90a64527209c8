import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker.
 * Body: SubscriptionGroupConfig JSON.
 */
export const updateAndCreateSubscriptiongroup = request({
  code: 200,
  name: 'UPDATE_AND_CREATE_SUBSCRIPTIONGROUP',
})
