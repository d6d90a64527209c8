import { body, list, shape, text } from './schema.ts'

/** Answer of 38. */
export const consumerListBody = body(
  'GetConsumerListByGroupResponseBody',
  shape({ consumerIdList: list(text) }),
)
