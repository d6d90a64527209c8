import { messageQueue } from './message-queue.ts'
import { body, integer, mapOf, objectKeyMap, shape } from './schema.ts'

const offsets = objectKeyMap(messageQueue, integer)

/** Answer of 221 (messageQueueTable) and 223 (consumerTable: client id → its offsets). */
export const consumerStatusBody = body(
  'GetConsumerStatusBody',
  shape({ messageQueueTable: offsets, consumerTable: mapOf(offsets) }),
)
