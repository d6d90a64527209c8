import { bool, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard → broker → client. To: broker relays to client.
 * Answer: body ConsumerRunningInfo; 206 offline, 207 timeout (10 s).
 */
export const getConsumerRunningInfo = request({
  code: 307,
  name: 'GET_CONSUMER_RUNNING_INFO',
  header: {
    consumerGroup: string(),
    clientId: string(),
    jstackEnable: optional(bool()),
  },
})
