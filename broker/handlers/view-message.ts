import { logPosition } from '../../base/units.ts'
import { CHANGE_TOPIC } from '../../message/names.ts'
import { topicAt } from '../../message/record.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import type { viewMessageById as kind } from '../../remoting/requests/view-message-by-id.ts'
import type { BrokerParts } from '../parts.ts'

/**
 * Code 33: one record by its place in the log. RocketMQ shows whatever stands there; here a topic that the caller gives must
 * be the record's own (reliability M23), and the change records of our tables are nobody's messages.
 */
export async function viewMessage(
  request: Request<typeof kind.header>,
  { store }: Pick<BrokerParts, 'store'>,
): Promise<Reply<NoFields>> {
  const { topic, offset } = request.header
  const record = offset < 0 ? undefined : await store.recordAt(logPosition(offset))
  const actual = record === undefined ? undefined : topicAt(record, 0)
  if (record === undefined || actual === CHANGE_TOPIC)
    throw new RequestError(ResponseCode.SYSTEM_ERROR, `can not find message by the offset, ${offset}`)
  // An empty name is what tools send that know none.
  if (topic !== undefined && topic !== '' && topic !== actual)
    throw new RequestError(
      ResponseCode.SYSTEM_ERROR,
      `can not find message by the offset, ${offset}: it does not hold a message of topic ${topic}`,
    )
  return { body: record }
}
