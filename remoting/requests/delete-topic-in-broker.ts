import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker.
 */
export const deleteTopicInBroker = request({
  code: 215,
  name: 'DELETE_TOPIC_IN_BROKER',
  header: {
    topic: string(),
  },
})
