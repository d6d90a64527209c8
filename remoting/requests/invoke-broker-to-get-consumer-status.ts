import { optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: client admin API (no mqadmin command of 5.3.3 calls it). To: broker.
 * Answer: body {consumerTable{clientId:{{mq}:offset}}}.
 */
export const invokeBrokerToGetConsumerStatus = request({
  code: 223,
  name: 'INVOKE_BROKER_TO_GET_CONSUMER_STATUS',
  header: {
    topic: string(),
    group: string(),
    clientAddr: optional(string()),
  },
})
