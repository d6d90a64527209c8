import { ResponseCode } from '../remoting/codes.ts'
import { ConnectionError } from '../remoting/errors.ts'
import { pullMessage } from '../remoting/requests/pull-message.ts'
import type { MessageQueue, ReceivedMessage } from './message.ts'
import { decodeMessages } from './received.ts'
import type { Session } from './session.ts'

/** Bits of a pull's sysFlag (protocol §6.3). */
const COMMIT_OFFSET = 1
const SUSPEND = 2
const SUBSCRIPTION = 4

/** What is left of a suspended pull's wait for the network and the broker's own scan. */
const SUSPEND_MARGIN_MS = 15_000

export interface PullQuery {
  readonly group: string
  readonly queue: MessageQueue
  readonly offset: number
  readonly maxCount: number
  /** The broker may hold the answer back this long while there is nothing new; 0 = answer at once. */
  readonly suspendMs: number
  /** Tag expression: `*` or `a || b`. */
  readonly tags: string
  /** Version of the subscription that the heartbeat told (pull of a registered group), or undefined to send it along. */
  readonly registeredVersion: number | undefined
  /** Stored by the broker on the way, when given. */
  readonly commitOffset?: number
  readonly signal?: AbortSignal
}

export interface PullResult {
  readonly status: 'found' | 'none' | 'moved'
  readonly messages: readonly ReceivedMessage[]
  /** Where the next pull starts. */
  readonly nextOffset: number
  readonly minOffset: number
  readonly maxOffset: number
}

const ACCEPT = [
  ResponseCode.SUCCESS,
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.PULL_RETRY_IMMEDIATELY,
  ResponseCode.PULL_OFFSET_MOVED,
]

/** One pull. Rejects with RequestError (the broker refuses) or ConnectionError (nobody answers). */
export async function pull(session: Session, query: PullQuery): Promise<PullResult> {
  const { queue } = query
  const address = session.routes.brokerAddress(queue.brokerName, true)
  if (address === undefined)
    throw new ConnectionError('refused', `broker ${queue.brokerName} is not in the route`)
  const sendsSubscription = query.registeredVersion === undefined
  const answer = await session.remoting.call(
    address,
    pullMessage,
    {
      consumerGroup: query.group,
      topic: queue.topic,
      queueId: queue.queueId,
      queueOffset: query.offset,
      maxMsgNums: query.maxCount,
      sysFlag:
        (query.commitOffset === undefined ? 0 : COMMIT_OFFSET) |
        (query.suspendMs > 0 ? SUSPEND : 0) |
        (sendsSubscription ? SUBSCRIPTION : 0),
      commitOffset: query.commitOffset ?? 0,
      suspendTimeoutMillis: query.suspendMs,
      subscription: query.tags,
      subVersion: query.registeredVersion ?? 0,
      expressionType: 'TAG',
    },
    {
      timeoutMs: query.suspendMs + SUSPEND_MARGIN_MS,
      codes: ACCEPT,
      ...(query.signal && { signal: query.signal }),
    },
  )
  const { code } = answer.command
  const messages = code === ResponseCode.SUCCESS ? decodeMessages(answer.body, queue) : []
  return {
    status: statusOf(code),
    messages: messages.filter((message) => hasTag(query.tags, message.tags)),
    nextOffset: answer.header.nextBeginOffset ?? query.offset,
    minOffset: answer.header.minOffset ?? 0,
    maxOffset: answer.header.maxOffset ?? 0,
  }
}

function statusOf(code: number): PullResult['status'] {
  if (code === ResponseCode.SUCCESS) return 'found'
  return code === ResponseCode.PULL_OFFSET_MOVED ? 'moved' : 'none'
}

/** The broker compares hashes only; the text decides (protocol §6.11). Pure. */
export function hasTag(expression: string, tag: string | undefined): boolean {
  if (expression === '*' || expression === '') return true
  return tag !== undefined && expression.split('||').some((wanted) => wanted.trim() === tag)
}
