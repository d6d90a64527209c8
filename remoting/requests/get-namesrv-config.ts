import { request } from '../request.ts'

/**
 * From: mqadmin getNamesrvConfig. To: namesrv.
 * Answer: body properties text.
 */
export const getNamesrvConfig = request({
  code: 319,
  name: 'GET_NAMESRV_CONFIG',
})
