import { request } from '../request.ts'

/**
 * From: broker slave → master; mqadmin, dashboard. To: broker.
 * Answer: body TopicConfigAndMappingSerializeWrapper JSON (newer than 5.3.3: paged).
 */
export const getAllTopicConfig = request({
  code: 21,
  name: 'GET_ALL_TOPIC_CONFIG',
})
