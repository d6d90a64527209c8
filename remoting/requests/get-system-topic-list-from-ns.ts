import { request } from '../request.ts'

/**
 * From: dashboard, client API. To: namesrv.
 * Answer: body TopicList (cluster and broker names as topics, plus brokerAddr).
 */
export const getSystemTopicListFromNs = request({
  code: 304,
  name: 'GET_SYSTEM_TOPIC_LIST_FROM_NS',
})
