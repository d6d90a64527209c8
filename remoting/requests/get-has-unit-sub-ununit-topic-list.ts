import { request } from '../request.ts'

/**
 * From: client API. To: namesrv.
 * Answer: body TopicList.
 */
export const getHasUnitSubUnunitTopicList = request({
  code: 313,
  name: 'GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST',
})
