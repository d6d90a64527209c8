import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client API. To: broker.
 * Answer: body {correctionOffsets{queueId:offset}}.
 */
export const queryCorrectionOffset = request({
  code: 308,
  name: 'QUERY_CORRECTION_OFFSET',
  header: {
    filterGroups: optional(string()),
    compareGroup: string(),
    topic: string(),
  },
})
