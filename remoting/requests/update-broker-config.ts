import { request } from '../request.ts'

/**
 * From: mqadmin updateBrokerConfig. To: broker, container.
 * Body: properties text.
 * Answer: code only; 16 for black-listed keys.
 */
export const updateBrokerConfig = request({
  code: 25,
  name: 'UPDATE_BROKER_CONFIG',
})
