import { bool, int, long, optional, orElse, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin resetOffsetByTime, dashboard. To: broker.
 * Answer: body ResetOffsetBody.
 */
export const invokeBrokerToResetOffset = request({
  code: 222,
  name: 'INVOKE_BROKER_TO_RESET_OFFSET',
  header: {
    group: string(),
    topic: string(),
    queueId: optional(int()),
    offset: optional(long()),
    timestamp: long(),
    isForce: orElse(bool(), false),
  },
})
