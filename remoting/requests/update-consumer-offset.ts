import { int, long, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: consumer (oneway in Java/Go/C++ timer path; sync elsewhere), mqadmin. To: broker, proxy.
 */
export const updateConsumerOffset = request({
  code: 15,
  name: 'UPDATE_CONSUMER_OFFSET',
  header: {
    consumerGroup: string(),
    topic: string(),
    queueId: int(),
    commitOffset: long(),
  },
})
