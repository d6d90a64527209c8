import { request } from '../request.ts'

/**
 * From: mqadmin updateNamesrvConfig. To: namesrv.
 * Body: properties text.
 * Answer: code only; 16 for black-listed keys.
 */
export const updateNamesrvConfig = request({
  code: 318,
  name: 'UPDATE_NAMESRV_CONFIG',
})
