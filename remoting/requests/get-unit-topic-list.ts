import { request } from '../request.ts'

/**
 * From: client API. To: namesrv.
 * Answer: body TopicList.
 */
export const getUnitTopicList = request({
  code: 311,
  name: 'GET_UNIT_TOPIC_LIST',
})
