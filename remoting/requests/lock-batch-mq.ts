import { request } from '../request.ts'

/**
 * From: ordered push consumer, broker→broker (lockInStrictMode), proxy. To: broker, proxy.
 * Body: LockBatchRequestBody {consumerGroup, clientId, onlyThisBroker, mqSet:[{topic,brokerName,queueId}]}.
 * Answer: body {lockOKMQSet:[mq]}.
 */
export const lockBatchMq = request({
  code: 41,
  name: 'LOCK_BATCH_MQ',
  bodyBytesMax: 2 * 1024 * 1024,
})
