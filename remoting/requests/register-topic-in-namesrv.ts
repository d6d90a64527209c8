import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: broker with enableSingleTopicRegister. To: namesrv.
 * Body: TopicRouteData JSON (only queueDatas used).
 */
export const registerTopicInNamesrv = request({
  code: 217,
  name: 'REGISTER_TOPIC_IN_NAMESRV',
  header: {
    topic: string(),
  },
})
