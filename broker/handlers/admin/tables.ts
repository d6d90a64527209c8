import type { Reply, Request } from '../../../remoting/peer.ts'
import type { NoFields } from '../../../remoting/request.ts'
import type { BrokerParts } from '../../parts.ts'

/** Code 43: all committed offsets, as consumerOffset.json has them. Java slaves ask every few seconds. */
export const allConsumerOffsets = (
  _request: Request<NoFields>,
  { offsets }: Pick<BrokerParts, 'offsets'>,
): Reply<NoFields> => ({ body: Buffer.from(offsets.snapshot()) })

/** Code 45: the progress of the delay levels, as delayOffset.json has it. */
export const allDelayOffsets = (
  _request: Request<NoFields>,
  { schedule }: Pick<BrokerParts, 'schedule'>,
): Reply<NoFields> => ({ body: Buffer.from(schedule.snapshot()) })
