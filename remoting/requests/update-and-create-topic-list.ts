import { request } from '../request.ts'

/**
 * From: mqadmin updateTopicList. To: broker.
 * Body: {topicConfigList:[TopicConfig]}.
 */
export const updateAndCreateTopicList = request({
  code: 18,
  name: 'UPDATE_AND_CREATE_TOPIC_LIST',
  bodyBytesMax: 4 * 1024 * 1024,
})
