import { request } from '../request.ts'

/**
 * From: mqadmin export, dashboard. To: broker.
 * Answer: body TopicList of system topics.
 */
export const getSystemTopicListFromBroker = request({
  code: 305,
  name: 'GET_SYSTEM_TOPIC_LIST_FROM_BROKER',
})
