import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard. To: broker, container.
 * Answer: body properties text.
 */
export const getBrokerConfig = request({
  code: 26,
  name: 'GET_BROKER_CONFIG',
  reply: {
    version: string(),
  },
})
