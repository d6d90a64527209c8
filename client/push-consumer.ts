import { groupNameProblem, retryTopicOf } from '../message/names.ts'
import type { ConsumerData } from '../remoting/bodies/heartbeat.ts'
import { consumerSendMsgBack } from '../remoting/requests/consumer-send-msg-back.ts'
import { queueKey } from './allocate.ts'
import { assignedQueues, lockQueues, unlockQueues } from './membership.ts'
import type { MessageModel, MessageQueue, ReceivedMessage, StartFrom } from './message.ts'
import { BrokerOffsets, brokerOf, MemoryOffsets, type OffsetStore, startOffset } from './offsets.ts'
import type { ProcessQueue } from './process-queue.ts'
import { QueueReader } from './queue-reader.ts'
import type { Session, SessionConsumer } from './session.ts'
import { subscriptionData } from './subscription.ts'

export interface PushConsumerOptions {
  readonly group: string
  /** Topic → tag expression: `*`, `paid`, `paid || refunded`. */
  readonly subscriptions: Readonly<Record<string, string>>
  /** Called for each message; a rejection or throw means "again later". The signal aborts when the consumer closes. */
  readonly onMessage: (message: ReceivedMessage, signal: AbortSignal) => void | Promise<void>
  /** Default clustering: each message goes to one member of the group. */
  readonly model?: MessageModel
  /** Where a new group starts. Default last. */
  readonly from?: StartFrom
  /** Messages in `onMessage` at the same time. Default 20. */
  readonly concurrency?: number
  /** One message of a queue at a time, in order, under the broker's queue locks. Default false. */
  readonly ordered?: boolean
  /** Deliveries before a message goes to the dead letter queue `%DLQ%group`. Default 16; ordered: unlimited. */
  readonly maxReconsumeTimes?: number
  /** Messages per pull. Default 32. */
  readonly pullBatchSize?: number
  /** How often offsets are committed. Default 5000. */
  readonly commitIntervalMs?: number
  /** Keeps the offsets of a broadcasting consumer; default in memory. */
  readonly offsets?: OffsetStore
}

const REBALANCE_INTERVAL_MS = 20_000
const CALL_TIMEOUT_MS = 5000
const SEND_BACK_PAUSE_MS = 5000
const ORDERED_RETRY_PAUSE_MS = 1000
const CLOSE_TIMEOUT_MS = 10_000

/** Receives the messages of its group's subscriptions until closed. At least once: a crash repeats, never skips. */
export class PushConsumer implements SessionConsumer, AsyncDisposable {
  readonly group: string
  readonly #session: Session
  readonly #options: PushConsumerOptions
  readonly #model: MessageModel
  readonly #offsets: OffsetStore
  /** Topic → tags, the group's retry topic included. */
  readonly #topics: ReadonlyMap<string, string>
  readonly #subscriptionVersion: number
  readonly #readers = new Map<string, QueueReader>()
  readonly #busyQueues = new Set<string>()
  readonly #lockedQueues = new Set<string>()
  readonly #abort = new AbortController()
  readonly #cancels: (() => void)[] = []
  #active = 0
  #rebalancing: Promise<void> | undefined
  #rebalanceAgain = false
  #onIdle: (() => void) | undefined

  /** Made and started by Client.pushConsumer(). */
  constructor(session: Session, options: PushConsumerOptions) {
    const problem = groupNameProblem(options.group)
    if (problem !== undefined) throw new Error(problem)
    this.group = options.group
    this.#session = session
    this.#options = options
    this.#model = options.model ?? 'clustering'
    this.#offsets =
      this.#model === 'clustering'
        ? new BrokerOffsets(session, this.group)
        : (options.offsets ?? new MemoryOffsets())
    const topics = new Map(Object.entries(options.subscriptions))
    if (this.#model === 'clustering') topics.set(retryTopicOf(this.group), '*')
    this.#topics = topics
    this.#subscriptionVersion = session.clock.now()
  }

  /** Resolves when the first queues are assigned. Rejects when no nameserver answers. */
  async start(): Promise<void> {
    this.#session.addConsumer(this)
    await Promise.all([...this.#topics.keys()].map((topic) => this.#session.routes.refresh(topic)))
    await this.#session.heartbeat()
    await this.#rebalance()
    const { timer } = this.#session
    this.#cancels.push(
      timer.every(REBALANCE_INTERVAL_MS, () => this.rebalanceSoon()),
      timer.every(this.#options.commitIntervalMs ?? 5000, () => void this.commit().catch(() => undefined)),
    )
  }

  heartbeatData(): ConsumerData {
    return {
      groupName: this.group,
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: this.#model === 'clustering' ? 'CLUSTERING' : 'BROADCASTING',
      consumeFromWhere: consumeFromWhere(this.#options.from ?? 'last'),
      subscriptionDataSet: [...this.#topics].map(([topic, tags]) =>
        subscriptionData(topic, tags, this.#subscriptionVersion),
      ),
      unitMode: false,
    }
  }

  rebalanceSoon(): void {
    void this.#rebalance()
  }

  /** The queues that this member reads now. */
  get queues(): readonly MessageQueue[] {
    return [...this.#readers.values()].map((reader) => reader.queue)
  }

  /** Commits what is done; also happens every commitIntervalMs and on close. */
  async commit(): Promise<void> {
    await Promise.all(
      [...this.#readers.values()].map((reader) =>
        this.#offsets.write(reader.queue, reader.process.commitOffset),
      ),
    )
  }

  /** Stops pulling, waits for messages in hand (at most 10 s), commits, and leaves the group. */
  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return
    for (const cancel of this.#cancels) cancel()
    for (const reader of this.#readers.values()) reader.drop()
    if (this.#active > 0) await this.#untilIdle()
    this.#abort.abort()
    await this.commit().catch((error: unknown) =>
      this.#session.log.warn('client.commit-failed', { group: this.group, error }),
    )
    if (this.#lockedQueues.size > 0) await unlockQueues(this.#session, this.group, this.queues)
    await this.#session.removeConsumer(this.group)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#session.timer.after(CLOSE_TIMEOUT_MS, resolve)
      this.#onIdle = () => {
        cancel()
        resolve()
      }
    })
  }

  #rebalance(): Promise<void> {
    if (this.#rebalancing) {
      this.#rebalanceAgain = true
      return this.#rebalancing
    }
    this.#rebalancing = this.#rebalanceTopics().finally(() => {
      this.#rebalancing = undefined
      if (this.#rebalanceAgain && !this.#abort.signal.aborted) {
        this.#rebalanceAgain = false
        void this.#rebalance()
      }
    })
    return this.#rebalancing
  }

  async #rebalanceTopics(): Promise<void> {
    for (const topic of this.#topics.keys()) {
      try {
        const queues = await assignedQueues(this.#session, this.group, topic, this.#model)
        if (queues) await this.#adopt(topic, queues)
      } catch (error) {
        this.#session.log.warn('client.rebalance-failed', { group: this.group, topic, error })
      }
    }
  }

  async #adopt(topic: string, queues: readonly MessageQueue[]): Promise<void> {
    const wanted = new Map(queues.map((queue) => [queueKey(queue), queue]))
    for (const [key, reader] of this.#readers) {
      if (reader.queue.topic === topic && !wanted.has(key)) await this.#release(key, reader)
    }
    if (this.#options.ordered) await this.#lock(queues)
    for (const [key, queue] of wanted) {
      if (this.#readers.has(key) || (this.#options.ordered && !this.#lockedQueues.has(key))) continue
      const committed = await this.#offsets.read(queue)
      const start = committed ?? (await startOffset(this.#session, queue, this.#options.from ?? 'last'))
      this.#startReader(key, queue, start)
    }
  }

  async #release(key: string, reader: QueueReader): Promise<void> {
    reader.drop()
    this.#readers.delete(key)
    await this.#offsets.write(reader.queue, reader.process.commitOffset).catch(() => undefined)
    if (this.#lockedQueues.delete(key)) await unlockQueues(this.#session, this.group, [reader.queue])
  }

  async #lock(queues: readonly MessageQueue[]): Promise<void> {
    const locked = new Set((await lockQueues(this.#session, this.group, queues)).map(queueKey))
    for (const queue of queues) {
      const key = queueKey(queue)
      if (locked.has(key)) this.#lockedQueues.add(key)
      else this.#lockedQueues.delete(key)
    }
  }

  #startReader(key: string, queue: MessageQueue, start: number): void {
    const reader = new QueueReader(
      {
        session: this.#session,
        group: this.group,
        queue,
        tags: this.#topics.get(queue.topic) ?? '*',
        subscriptionVersion: this.#subscriptionVersion,
        batchSize: this.#options.pullBatchSize ?? 32,
        onMessages: () => this.#work(),
        onMoved: (moved, offset) => void this.#offsets.write(moved, offset).catch(() => undefined),
      },
      start,
    )
    this.#readers.set(key, reader)
    void reader.run()
  }

  /** Hands out what waits, as long as there is a free hand. */
  #work(): void {
    const limit = this.#options.concurrency ?? 20
    for (const [key, reader] of this.#readers) {
      while (this.#active < limit && reader.process.waitingCount > 0) {
        if (this.#options.ordered && (this.#busyQueues.has(key) || !this.#lockedQueues.has(key))) break
        const message = reader.process.take(1)[0]
        if (!message) break
        this.#active++
        this.#busyQueues.add(key)
        void this.#handle(key, reader.process, message)
      }
    }
  }

  async #handle(key: string, process: ProcessQueue, message: ReceivedMessage): Promise<void> {
    try {
      await this.#options.onMessage(message, this.#abort.signal)
      process.finish(message)
    } catch (error) {
      this.#session.log.warn('client.message-failed', {
        group: this.group,
        messageId: message.messageId,
        error,
      })
      await this.#retryLater(process, message)
    } finally {
      this.#active--
      this.#busyQueues.delete(key)
      if (this.#active === 0) this.#onIdle?.()
      if (!this.#abort.signal.aborted) this.#work()
    }
  }

  /** Clustering: back to the broker, which delivers it again with growing delays. Ordered: again, in place. */
  async #retryLater(process: ProcessQueue, message: ReceivedMessage): Promise<void> {
    if (this.#model === 'broadcasting') {
      process.finish(message)
      return
    }
    if (this.#options.ordered) {
      await new Promise<void>((resolve) => this.#session.timer.after(ORDERED_RETRY_PAUSE_MS, resolve))
      process.putBack([{ ...message, reconsumeTimes: message.reconsumeTimes + 1 }])
      return
    }
    try {
      await this.#session.remoting.call(
        brokerOf(this.#session, message.queue),
        consumerSendMsgBack,
        {
          offset: message.logPosition,
          group: this.group,
          delayLevel: 0,
          originMsgId: message.offsetMessageId,
          originTopic: message.topic,
          unitMode: false,
          maxReconsumeTimes: this.#options.maxReconsumeTimes ?? 16,
        },
        { timeoutMs: CALL_TIMEOUT_MS },
      )
      process.finish(message)
    } catch (error) {
      this.#session.log.warn('client.send-back-failed', {
        group: this.group,
        messageId: message.messageId,
        error,
      })
      this.#session.timer.after(SEND_BACK_PAUSE_MS, () => {
        process.putBack([message])
        this.#work()
      })
    }
  }
}

function consumeFromWhere(from: StartFrom): ConsumerData['consumeFromWhere'] {
  if (from === 'first') return 'CONSUME_FROM_FIRST_OFFSET'
  return from === 'last' ? 'CONSUME_FROM_LAST_OFFSET' : 'CONSUME_FROM_TIMESTAMP'
}
