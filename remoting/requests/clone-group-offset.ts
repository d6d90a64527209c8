import { bool, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client API (mqadmin cloneGroupOffset does it with 15 instead). To: broker.
 */
export const cloneGroupOffset = request({
  code: 314,
  name: 'CLONE_GROUP_OFFSET',
  header: {
    srcGroup: string(),
    destGroup: string(),
    topic: optional(string()),
    offline: optional(bool()),
  },
})
