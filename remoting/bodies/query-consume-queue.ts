import { subscriptionData } from './heartbeat.ts'
import { body, flag, integer, list, maybe, orElse, shape, text } from './schema.ts'

/** Answer of 321: entries of a consume queue as they are. */
export const queryConsumeQueueBody = body(
  'QueryConsumeQueueResponseBody',
  shape({
    subscriptionData: maybe(subscriptionData),
    filterData: maybe(text),
    queueData: list(
      shape({
        physicOffset: integer,
        physicSize: integer,
        tagsCode: integer,
        extendDataJson: maybe(text),
        bitMap: maybe(text),
        eval: orElse(flag, false),
        msg: maybe(text),
      }),
    ),
    maxQueueIndex: orElse(integer, 0),
    minQueueIndex: orElse(integer, 0),
  }),
)
