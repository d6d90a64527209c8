import { bool, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: every client, mqadmin, broker (broker→namesrv for escape/replies), proxy. To: namesrv (own thread pool), proxy.
 * Answer: body TopicRouteData JSON ; 17 when unknown.
 */
export const getRouteinfoByTopic = request({
  code: 105,
  name: 'GET_ROUTEINFO_BY_TOPIC',
  header: {
    topic: string(),
    acceptStandardJsonOnly: optional(bool()),
  },
})
