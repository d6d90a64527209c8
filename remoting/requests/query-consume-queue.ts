import { int, long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin queryCq. To: broker.
 * Answer: body {subscriptionData, filterData, queueData:[{physicOffset,physicSize,tagsCode,extendDataJson,bitMap,eval,msg}], maxQueueIndex, minQueueIndex}.
 */
export const queryConsumeQueue = request({
  code: 321,
  name: 'QUERY_CONSUME_QUEUE',
  header: {
    topic: optional(string()),
    queueId: optional(int()),
    index: optional(long()),
    count: optional(int()),
    consumerGroup: optional(string()),
  },
})
