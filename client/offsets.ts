import { isRetryTopic } from '../message/names.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { ConnectionError, RequestError } from '../remoting/errors.ts'
import { getMaxOffset } from '../remoting/requests/get-max-offset.ts'
import { getMinOffset } from '../remoting/requests/get-min-offset.ts'
import { queryConsumerOffset } from '../remoting/requests/query-consumer-offset.ts'
import { searchOffsetByTimestamp } from '../remoting/requests/search-offset-by-timestamp.ts'
import { updateConsumerOffset } from '../remoting/requests/update-consumer-offset.ts'
import type { MessageQueue, StartFrom } from './message.ts'
import type { Session } from './session.ts'

const CALL_TIMEOUT_MS = 5000

/** Where a consumer keeps how far it came. The broker is one place; broadcasting consumers keep their own. */
export interface OffsetStore {
  read(queue: MessageQueue): Promise<number | undefined>
  write(queue: MessageQueue, offset: number): Promise<void>
}

/** Offsets of a group on the brokers. */
export class BrokerOffsets implements OffsetStore {
  readonly #session: Session
  readonly #group: string

  constructor(session: Session, group: string) {
    this.#session = session
    this.#group = group
  }

  async read(queue: MessageQueue): Promise<number | undefined> {
    try {
      const answer = await this.#session.remoting.call(
        brokerOf(this.#session, queue),
        queryConsumerOffset,
        { consumerGroup: this.#group, topic: queue.topic, queueId: queue.queueId },
        { timeoutMs: CALL_TIMEOUT_MS },
      )
      return answer.header.offset
    } catch (error) {
      if (error instanceof RequestError && error.code === ResponseCode.QUERY_NOT_FOUND) return undefined
      throw error
    }
  }

  /** Resolves when the broker has it. */
  async write(queue: MessageQueue, offset: number): Promise<void> {
    await this.#session.remoting.call(
      brokerOf(this.#session, queue),
      updateConsumerOffset,
      { consumerGroup: this.#group, topic: queue.topic, queueId: queue.queueId, commitOffset: offset },
      { timeoutMs: CALL_TIMEOUT_MS },
    )
  }
}

/** Offsets in memory, for broadcasting consumers that bring no store of their own: a new start begins anew. */
export class MemoryOffsets implements OffsetStore {
  readonly #offsets = new Map<string, number>()

  async read(queue: MessageQueue): Promise<number | undefined> {
    return this.#offsets.get(JSON.stringify(queue))
  }

  async write(queue: MessageQueue, offset: number): Promise<void> {
    this.#offsets.set(JSON.stringify(queue), offset)
  }
}

/** Where a queue starts that has no offset yet. Retry topics always start at their beginning. */
export async function startOffset(session: Session, queue: MessageQueue, from: StartFrom): Promise<number> {
  if (from === 'first') return minOffset(session, queue)
  if (from === 'last') return isRetryTopic(queue.topic) ? 0 : maxOffset(session, queue)
  return offsetByTime(session, queue, from.timestamp)
}

export async function minOffset(session: Session, queue: MessageQueue): Promise<number> {
  const { topic, queueId } = queue
  const options = { timeoutMs: CALL_TIMEOUT_MS }
  return (
    (await session.remoting.call(brokerOf(session, queue), getMinOffset, { topic, queueId }, options)).header
      .offset ?? 0
  )
}

/** One past the last message. */
export async function maxOffset(session: Session, queue: MessageQueue): Promise<number> {
  const { topic, queueId } = queue
  const options = { timeoutMs: CALL_TIMEOUT_MS }
  return (
    (await session.remoting.call(brokerOf(session, queue), getMaxOffset, { topic, queueId }, options)).header
      .offset ?? 0
  )
}

/** Offset of the first message that was stored at or after `timestamp`. */
export async function offsetByTime(
  session: Session,
  queue: MessageQueue,
  timestamp: number,
): Promise<number> {
  const { topic, queueId } = queue
  const options = { timeoutMs: CALL_TIMEOUT_MS }
  const answer = await session.remoting.call(
    brokerOf(session, queue),
    searchOffsetByTimestamp,
    { topic, queueId, timestamp },
    options,
  )
  return answer.header.offset ?? 0
}

export function brokerOf(session: Session, queue: MessageQueue): string {
  const address = session.routes.brokerAddress(queue.brokerName)
  if (address === undefined)
    throw new ConnectionError('refused', `broker ${queue.brokerName} has no master in the route`)
  return address
}
