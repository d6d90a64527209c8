import { messageModel } from './heartbeat.ts'
import { messageQueue } from './message-queue.ts'
import { body, integer, list, mapOf, maybe, oneOf, orElse, shape, text } from './schema.ts'

const requestMode = oneOf('PULL', 'POP')

/** Body of 400. */
export const queryAssignmentBody = body(
  'QueryAssignmentRequestBody',
  shape({
    topic: text,
    consumerGroup: text,
    clientId: text,
    strategyName: maybe(text),
    messageModel: maybe(messageModel),
  }),
)

/** Answer of 400. */
export const assignmentsBody = body(
  'QueryAssignmentResponseBody',
  shape({
    messageQueueAssignments: list(
      shape({
        messageQueue: maybe(messageQueue),
        mode: orElse(requestMode, 'PULL'),
        attachments: mapOf(text),
      }),
    ),
  }),
)

/** Body of 401. */
export const setRequestModeBody = body(
  'SetMessageRequestModeRequestBody',
  shape({
    topic: text,
    consumerGroup: text,
    mode: orElse(requestMode, 'PULL'),
    popShareQueueNum: orElse(integer, 0),
  }),
)
