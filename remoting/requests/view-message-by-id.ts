import { long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: MQAdmin API, mqadmin. To: broker.
 * Answer: body = one stored message; 1 when the offset holds none.
 */
export const viewMessageById = request({
  code: 33,
  name: 'VIEW_MESSAGE_BY_ID',
  header: {
    topic: optional(string()),
    offset: long(),
  },
})
