import { kvTableBody } from '../../../remoting/bodies/kv-table.ts'
import type { Reply, Request } from '../../../remoting/peer.ts'
import type { NoFields } from '../../../remoting/request.ts'
import type { BrokerParts } from '../../parts.ts'
import { type RuntimeParts, runtimeInfo } from '../../runtime-info.ts'

/** Code 28. */
export async function brokerRuntimeInfo(
  _request: Request<NoFields>,
  parts: RuntimeParts & Pick<BrokerParts, 'disk'>,
): Promise<Reply<NoFields>> {
  const space = await parts.disk.space()
  const startedMs = parts.clock.monotonicMs()
  await new Promise((resolve) => setImmediate(resolve))
  const loopTurnMs = parts.clock.monotonicMs() - startedMs
  return { body: kvTableBody.encode({ table: runtimeInfo(parts, { loopTurnMs, space }) }) }
}
