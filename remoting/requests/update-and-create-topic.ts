import { bool, int, optional, orElse, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard, client createTopic. To: broker.
 */
export const updateAndCreateTopic = request({
  code: 17,
  name: 'UPDATE_AND_CREATE_TOPIC',
  header: {
    topic: string(),
    defaultTopic: orElse(string(), ''),
    readQueueNums: int(),
    writeQueueNums: int(),
    perm: int(),
    topicFilterType: orElse(string(), 'SINGLE_TAG'),
    topicSysFlag: orElse(int(), 0),
    order: orElse(bool(), false),
    attributes: optional(string()),
    force: optional(bool()),
  },
})
