import { request } from '../request.ts'

/**
 * From: mqadmin setConsumeMode. To: broker.
 * Body: {topic, consumerGroup, mode:PULL|POP, popShareQueueNum}.
 */
export const setMessageRequestMode = request({
  code: 401,
  name: 'SET_MESSAGE_REQUEST_MODE',
})
