import { request } from '../request.ts'

/**
 * From: broker slave → master. To: broker.
 * Answer: messageRequestMode.json text.
 */
export const getAllMessageRequestMode = request({
  code: 402,
  name: 'GET_ALL_MESSAGE_REQUEST_MODE',
})
