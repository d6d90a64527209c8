import { messageQueue } from './message-queue.ts'
import { body, decimal, integer, objectKeyMap, orElse, shape, type TypeOf } from './schema.ts'

/** Answer of 202: offsets and last store time of every queue of a topic. Its readers take object keys only. */
export const topicStats = shape({
  topicPutTps: orElse(decimal, 0),
  offsetTable: objectKeyMap(
    messageQueue,
    shape({ minOffset: integer, maxOffset: integer, lastUpdateTimestamp: integer }),
  ),
})
export const topicStatsBody = body('TopicStatsTable', topicStats)

/** Answer of 208. */
export const consumeStats = shape({
  consumeTps: orElse(decimal, 0),
  offsetTable: objectKeyMap(
    messageQueue,
    shape({
      brokerOffset: integer,
      consumerOffset: integer,
      pullOffset: orElse(integer, 0),
      lastTimestamp: orElse(integer, 0),
    }),
  ),
})
export type ConsumeStats = TypeOf<typeof consumeStats>
export const consumeStatsBody = body('ConsumeStats', consumeStats)

const statsItem = shape({ sum: orElse(integer, 0), tps: orElse(decimal, 0), avgpt: orElse(decimal, 0) })

/** Answer of 315. */
export const brokerStatsBody = body(
  'BrokerStatsData',
  shape({ statsMinute: statsItem, statsHour: statsItem, statsDay: statsItem }),
)
