import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: Java/C++ client at shutdown (Go never). To: broker, proxy.
 */
export const unregisterClient = request({
  code: 35,
  name: 'UNREGISTER_CLIENT',
  header: {
    clientID: string(),
    producerGroup: optional(string()),
    consumerGroup: optional(string()),
  },
})
