import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client admin API (no mqadmin command of 5.3.3 calls it). To: broker.
 * Answer: body TopicList.
 */
export const queryTopicsByConsumer = request({
  code: 343,
  name: 'QUERY_TOPICS_BY_CONSUMER',
  header: {
    group: string(),
  },
})
