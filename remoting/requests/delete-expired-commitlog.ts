import { request } from '../request.ts'

/**
 * From: mqadmin deleteExpiredCommitLog. To: broker.
 */
export const deleteExpiredCommitlog = request({
  code: 329,
  name: 'DELETE_EXPIRED_COMMITLOG',
})
