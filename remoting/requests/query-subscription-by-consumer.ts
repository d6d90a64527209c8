import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client admin API (no mqadmin command of 5.3.3 calls it). To: broker.
 * Answer: body {subscriptionData, group, topic}.
 */
export const querySubscriptionByConsumer = request({
  code: 345,
  name: 'QUERY_SUBSCRIPTION_BY_CONSUMER',
  header: {
    group: string(),
    topic: optional(string()),
  },
})
