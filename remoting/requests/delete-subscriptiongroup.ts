import { bool, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker.
 */
export const deleteSubscriptiongroup = request({
  code: 207,
  name: 'DELETE_SUBSCRIPTIONGROUP',
  header: {
    groupName: string(),
    cleanOffset: optional(bool()),
  },
})
