import { request } from '../request.ts'

/**
 * From: mqadmin cleanUnusedTopic. To: broker.
 */
export const cleanUnusedTopic = request({
  code: 316,
  name: 'CLEAN_UNUSED_TOPIC',
})
