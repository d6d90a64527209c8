import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker.
 * Answer: body ConsumeStats {offsetTable{{mq}:{brokerOffset,consumerOffset,pullOffset,lastTimestamp}}, consumeTps}.
 */
export const getConsumeStats = request({
  code: 208,
  name: 'GET_CONSUME_STATS',
  header: {
    consumerGroup: string(),
    topic: optional(string()),
    topicList: optional(string()),
  },
})
