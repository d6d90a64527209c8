import { request } from '../request.ts'

/**
 * From: ordered push consumer (oneway or sync), proxy. To: broker, proxy.
 * Body: UnlockBatchRequestBody (same shape as 41).
 */
export const unlockBatchMq = request({
  code: 42,
  name: 'UNLOCK_BATCH_MQ',
  bodyBytesMax: 2 * 1024 * 1024,
})
