import { subscriptionData } from './heartbeat.ts'
import { body, maybe, shape, text } from './schema.ts'

/** Body of 46. */
export const checkClientBody = body(
  'CheckClientRequestBody',
  shape({ clientId: text, group: text, namespace: maybe(text), subscriptionData }),
)
