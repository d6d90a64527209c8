import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: broker. To: client (consumer).
 * Answer: body {messageQueueTable{{mq}:offset}}.
 */
export const getConsumerStatusFromClient = request({
  code: 221,
  name: 'GET_CONSUMER_STATUS_FROM_CLIENT',
  header: {
    topic: string(),
    group: string(),
    clientAddr: optional(string()),
  },
})
