import { request } from '../request.ts'

/**
 * From: Java push/lite consumer with a non-TAG subscription, at start. To: broker, proxy.
 * Body: CheckClientRequestBody {clientId, group, subscriptionData, namespace}.
 * Answer: code only (0, 1 or 23).
 */
export const checkClientConfig = request({
  code: 46,
  name: 'CHECK_CLIENT_CONFIG',
})
