import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client admin API (no mqadmin command of 5.3.3 calls it). To: broker.
 * Answer: body {consumeTimeSpanSet:[{messageQueue,minTimeStamp,maxTimeStamp,consumeTimeStamp,delayTime}]}.
 */
export const queryConsumeTimeSpan = request({
  code: 303,
  name: 'QUERY_CONSUME_TIME_SPAN',
  header: {
    topic: string(),
    group: string(),
  },
})
