import { bool, int, long, optional, orElse, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: broker. To: client (consumer).
 * Body: ResetOffsetBody {offsetTable{{mq}:offset}}; list form for C++ clients.
 * Answer: none (oneway).
 */
export const resetConsumerClientOffset = request({
  code: 220,
  name: 'RESET_CONSUMER_CLIENT_OFFSET',
  header: {
    group: string(),
    topic: string(),
    queueId: optional(int()),
    offset: optional(long()),
    timestamp: long(),
    isForce: orElse(bool(), false),
  },
  bodyBytesMax: 4 * 1024 * 1024,
})
