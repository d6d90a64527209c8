import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client API. To: broker.
 * Answer: body SubscriptionGroupConfig JSON; 26 when missing.
 */
export const getSubscriptiongroupConfig = request({
  code: 352,
  name: 'GET_SUBSCRIPTIONGROUP_CONFIG',
  header: {
    group: string(),
  },
})
