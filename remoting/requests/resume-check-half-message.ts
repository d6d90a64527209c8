import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client API (resume half message checks). To: broker.
 */
export const resumeCheckHalfMessage = request({
  code: 323,
  name: 'RESUME_CHECK_HALF_MESSAGE',
  header: {
    topic: optional(string()),
    msgId: optional(string()),
  },
})
