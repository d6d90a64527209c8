import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker.
 * Answer: body {groupList:[str]}.
 */
export const queryTopicConsumeByWho = request({
  code: 300,
  name: 'QUERY_TOPIC_CONSUME_BY_WHO',
  header: {
    topic: string(),
  },
})
