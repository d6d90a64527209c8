import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client admin API (no mqadmin command of 5.3.3 calls it). To: namesrv.
 * Answer: body TopicList.
 */
export const getTopicsByCluster = request({
  code: 224,
  name: 'GET_TOPICS_BY_CLUSTER',
  header: {
    cluster: string(),
  },
})
