import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin deleteTopic, dashboard. To: namesrv.
 */
export const deleteTopicInNamesrv = request({
  code: 216,
  name: 'DELETE_TOPIC_IN_NAMESRV',
  header: {
    topic: string(),
    clusterName: optional(string()),
  },
})
