import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard, broker→broker. To: broker.
 * Answer: body TopicStatsTable {topicPutTps, offsetTable{{mq}:{minOffset,maxOffset,lastUpdateTimestamp}}}.
 */
export const getTopicStatsInfo = request({
  code: 202,
  name: 'GET_TOPIC_STATS_INFO',
  header: {
    topic: string(),
  },
})
