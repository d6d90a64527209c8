import { timestamp } from '../../base/units.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { queryMessage as kind } from '../../remoting/requests/query-message.ts'
import type { BrokerParts } from '../parts.ts'

/** Set by clients that look for a unique key: the broker then decides how many there may be. */
const UNIQUE_KEY_QUERY = '_UNIQUE_KEY_QUERY'

/**
 * Code 12: messages by key or unique key through the index, newest first. The time window is that of the store timestamp. As
 * in RocketMQ a topic that does not exist is just one without such a message.
 */
export async function queryMessage(
  request: Request<typeof kind.header>,
  { store, settings }: Pick<BrokerParts, 'store' | 'settings'>,
): Promise<Reply<typeof kind.reply>> {
  const { topic, key, maxNum, beginTimestamp, endTimestamp } = request.header
  const isUniqueKeyQuery = request.command.ext?.[UNIQUE_KEY_QUERY] === 'true'
  const wanted = isUniqueKeyQuery ? settings.defaultQueryMaxNum : maxNum
  const result = await store.query({
    topic,
    key,
    maxCount: Math.max(1, Math.min(wanted, settings.maxMsgsNumBatch)),
    begin: timestamp(beginTimestamp),
    end: timestamp(endTimestamp),
  })
  const header = {
    indexLastUpdateTimestamp: result.indexLastUpdateTimestamp,
    indexLastUpdatePhyoffset: result.indexLastUpdatePosition,
  }
  if (result.records.length > 0) return { header, body: result.records }
  return {
    code: ResponseCode.QUERY_NOT_FOUND,
    remark: `can not find message by key ${JSON.stringify(key.slice(0, 64))} in ${topic}, maybe time range not correct`,
    header,
  }
}
