import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: producer.recallMessage, proxy. To: broker, proxy.
 */
export const recallMessage = request({
  code: 370,
  name: 'RECALL_MESSAGE',
  header: {
    producerGroup: optional(string()),
    topic: string(),
    recallHandle: string(),
  },
  reply: {
    msgId: string(),
  },
})
