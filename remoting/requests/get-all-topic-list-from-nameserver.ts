import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard, C++/Go clients. To: namesrv.
 * Answer: body TopicList {topicList, brokerAddr}.
 */
export const getAllTopicListFromNameserver = request({
  code: 206,
  name: 'GET_ALL_TOPIC_LIST_FROM_NAMESERVER',
})
