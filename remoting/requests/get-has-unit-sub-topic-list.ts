import { request } from '../request.ts'

/**
 * From: client API. To: namesrv.
 * Answer: body TopicList.
 */
export const getHasUnitSubTopicList = request({
  code: 312,
  name: 'GET_HAS_UNIT_SUB_TOPIC_LIST',
})
