import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { findProperty } from '../../message/properties.ts'
import { decodeRecords } from '../../message/record.ts'
import { RemotingClient } from '../../remoting/client.ts'
import { RequestError } from '../../remoting/errors.ts'
import { getMaxOffset } from '../../remoting/requests/get-max-offset.ts'
import { getMinOffset } from '../../remoting/requests/get-min-offset.ts'
import { pullMessage } from '../../remoting/requests/pull-message.ts'
import { queryConsumerOffset } from '../../remoting/requests/query-consumer-offset.ts'
import { updateConsumerOffset } from '../../remoting/requests/update-consumer-offset.ts'
import type { Ledger } from './ledger.ts'
import { QUEUES, TIMEOUT_MS, TOPIC } from './load.ts'

const GROUP = 'kill-group'
const FOUND = 0
/** No new message, retry at once, offset moved: answers of a pull that carry no messages. */
const PULL_CODES = [19, 20, 21]
/** There is no committed offset. */
const QUERY_NOT_FOUND = 22

export interface Verdict {
  readonly problems: readonly string[]
  readonly readCount: number
}

/** Reads everything a broker has and holds it against the ledger. */
export async function verify(address: string, ledger: Ledger): Promise<Verdict> {
  const client = new RemotingClient({ log: silentLog, clock: systemClock })
  const problems: string[] = []
  let readCount = 0
  ledger.forgetReads()
  try {
    for (let queueId = 0; queueId < QUEUES; queueId++) {
      const queue = await readQueue(client, address, queueId)
      readCount += queue.messages.length
      problems.push(...queue.problems, ...ledger.compare(queueId, queue.minOffset, queue.messages))
      problems.push(...(await checkCommitted(client, address, queueId, queue.maxOffset, ledger)))
    }
  } catch (error) {
    // An answer that says no: the topic is gone, the queue is damaged.
    if (!(error instanceof RequestError)) throw error
    problems.push(`reading was answered with code ${error.code}: ${error.message}`)
  } finally {
    client.close()
  }
  const lost = ledger.lost()
  for (const { id, queueId, queueOffset } of lost.slice(0, 10))
    problems.push(`lost: ${id}, acknowledged at queue ${queueId} offset ${queueOffset}`)
  if (lost.length > 10) problems.push(`lost: ${lost.length - 10} more`)
  problems.push(...ledger.repeated().slice(0, 10))
  return { problems, readCount }
}

interface ReadMessage {
  readonly id: string
  readonly offset: number
  readonly body: Uint8Array
}

async function readQueue(
  client: RemotingClient,
  address: string,
  queueId: number,
): Promise<{ minOffset: number; maxOffset: number; messages: ReadMessage[]; problems: string[] }> {
  const of = { topic: TOPIC, queueId }
  const limit = { timeoutMs: TIMEOUT_MS }
  const minOffset = Number((await client.call(address, getMinOffset, of, limit)).header.offset)
  const maxOffset = Number((await client.call(address, getMaxOffset, of, limit)).header.offset)
  const messages: ReadMessage[] = []
  let offset = minOffset
  // One pull even of an empty queue: it makes the group known.
  do {
    const header = {
      ...of,
      consumerGroup: GROUP,
      queueOffset: offset,
      maxMsgNums: 1000,
      // Bit 2: a subscription comes with the request.
      sysFlag: 4,
      commitOffset: 0,
      suspendTimeoutMillis: 0,
      subscription: '*',
      subVersion: 0,
      expressionType: 'TAG',
    }
    const answer = await client.call(address, pullMessage, header, { ...limit, codes: PULL_CODES })
    if (maxOffset === minOffset) break
    if (answer.command.code !== FOUND) {
      const problem = `queue ${queueId} has ${minOffset}–${maxOffset}, a pull at ${offset} answers ${answer.command.code} ${answer.command.remark ?? ''}`
      return { minOffset, maxOffset, messages, problems: [problem] }
    }
    for (const { properties, queueOffset, body } of decodeRecords(answer.body))
      messages.push({ id: findProperty(properties, 'UNIQ_KEY') ?? '?', offset: queueOffset, body })
    offset = Number(answer.header.nextBeginOffset)
  } while (offset < maxOffset)
  return { minOffset, maxOffset, messages, problems: [] }
}

/** Commits somewhere in the queue, so that the next visit has something to find. */
async function checkCommitted(
  client: RemotingClient,
  address: string,
  queueId: number,
  maxOffset: number,
  ledger: Ledger,
): Promise<string[]> {
  const of = { consumerGroup: GROUP, topic: TOPIC, queueId }
  const limit = { timeoutMs: TIMEOUT_MS }
  const answer = await client.call(address, queryConsumerOffset, of, { ...limit, codes: [QUERY_NOT_FOUND] })
  const problems: string[] = []
  const asked = ledger.committed.get(queueId) ?? -1
  if (answer.command.code === 0) {
    const offset = Number(answer.header.offset)
    if (offset > maxOffset)
      problems.push(`queue ${queueId}: committed offset ${offset} is beyond the end ${maxOffset}`)
    if (offset > Math.max(asked, 0))
      problems.push(`queue ${queueId}: committed offset ${offset}, asked for ${asked}`)
  }
  ledger.committed.set(queueId, maxOffset)
  await client.call(address, updateConsumerOffset, { ...of, commitOffset: maxOffset }, limit)
  return problems
}
