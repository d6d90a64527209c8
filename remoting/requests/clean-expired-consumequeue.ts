import { request } from '../request.ts'

/**
 * From: mqadmin cleanExpiredCQ. To: broker.
 */
export const cleanExpiredConsumequeue = request({
  code: 306,
  name: 'CLEAN_EXPIRED_CONSUMEQUEUE',
})
