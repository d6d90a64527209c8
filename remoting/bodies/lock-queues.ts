import { messageQueue } from './message-queue.ts'
import { body, flag, list, orElse, shape, type TypeOf, text } from './schema.ts'

/** Body of 41 and 42. */
export const lockQueuesRequest = shape({
  consumerGroup: text,
  clientId: text,
  onlyThisBroker: orElse(flag, false),
  mqSet: list(messageQueue),
})
export type LockQueuesRequest = TypeOf<typeof lockQueuesRequest>
export const lockQueuesRequestBody = body('LockBatchRequestBody', lockQueuesRequest)

/** Answer of 41: only the queues that this client holds now. */
export const lockedQueuesBody = body('LockBatchResponseBody', shape({ lockOKMQSet: list(messageQueue) }))
