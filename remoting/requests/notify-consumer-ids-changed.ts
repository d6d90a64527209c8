import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: broker (oneway). To: client (consumer).
 * Answer: none.
 */
export const notifyConsumerIdsChanged = request({
  code: 40,
  name: 'NOTIFY_CONSUMER_IDS_CHANGED',
  header: {
    consumerGroup: string(),
  },
})
