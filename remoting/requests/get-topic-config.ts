import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard, broker→broker. To: broker.
 * Answer: body TopicConfig JSON + mappingDetail; 17 when missing.
 */
export const getTopicConfig = request({
  code: 351,
  name: 'GET_TOPIC_CONFIG',
  header: {
    topic: string(),
  },
})
