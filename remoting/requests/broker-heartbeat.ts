import { int, long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: broker → namesrv / controller every 1 s. To: namesrv, controller.
 * Answer: code only (2005 from a controller when brokerId is missing).
 */
export const brokerHeartbeat = request({
  code: 904,
  name: 'BROKER_HEARTBEAT',
  header: {
    clusterName: string(),
    brokerAddr: string(),
    brokerName: string(),
    brokerId: optional(long()),
    epoch: optional(int()),
    maxOffset: optional(long()),
    confirmOffset: optional(long()),
    heartbeatTimeoutMills: optional(long()),
    electionPriority: optional(int()),
  },
})
