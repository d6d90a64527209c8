import { bool, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client API. To: broker.
 * Answer: body {topic,group,readable}.
 */
export const updateAndGetGroupForbidden = request({
  code: 353,
  name: 'UPDATE_AND_GET_GROUP_FORBIDDEN',
  header: {
    group: string(),
    topic: string(),
    readable: optional(bool()),
  },
})
