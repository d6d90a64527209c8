import { groupNameProblem } from '../message/names.ts'
import type { ConsumerData } from '../remoting/bodies/heartbeat.ts'
import { queueKey } from './allocate.ts'
import { TopicNotFoundError } from './errors.ts'
import { assignedQueues } from './membership.ts'
import type { MessageQueue, ReceivedMessage, StartFrom } from './message.ts'
import { BrokerOffsets, maxOffset, minOffset, offsetByTime, startOffset } from './offsets.ts'
import { type PullResult, pull } from './pull.ts'
import type { Session, SessionConsumer } from './session.ts'
import { subscriptionData } from './subscription.ts'

export interface PullConsumerOptions {
  readonly group: string
  /** Share the queues of these topics with the other members of the group. Without it use `assign()`. */
  readonly subscriptions?: Readonly<Record<string, string>>
  /** Where a queue without a committed offset starts. Default last. */
  readonly from?: StartFrom
  /** Messages per pull. Default 32. */
  readonly batchSize?: number
  /** How long one poll waits for new messages. Default 15,000. */
  readonly pollTimeoutMs?: number
}

const REBALANCE_INTERVAL_MS = 20_000

/** An answer that waits to be handed out. */
interface Ready extends Batch {
  readonly offset: number
  readonly nextOffset: number
}

/** One batch from one queue. */
export interface Batch {
  readonly queue: MessageQueue
  readonly messages: readonly ReceivedMessage[]
}

/**
 * Messages when you ask for them. Positions are yours: `seek`, `poll`, `commit`.
 * `for await (const batch of consumer) { …; await consumer.commit() }` reads on until the consumer is closed.
 */
export class PullConsumer implements SessionConsumer, AsyncDisposable, AsyncIterable<Batch> {
  readonly group: string
  readonly #session: Session
  readonly #options: PullConsumerOptions
  readonly #offsets: BrokerOffsets
  readonly #tags: Map<string, string>
  readonly #version: number
  /** Next offset by queue; those handed out but not committed are behind it. */
  readonly #positions = new Map<string, { queue: MessageQueue; offset: number }>()
  readonly #abort = new AbortController()
  /** Queues with a pull under way, or with an answer that waits in #ready. */
  readonly #polling = new Map<string, AbortController>()
  /** Answers that came and were not handed out yet; their queues' positions move when they are. */
  readonly #ready: Ready[] = []
  #wake: (() => void) | undefined
  #cancelRebalance: (() => void) | undefined

  /** Made and started by Client.pullConsumer(). */
  constructor(session: Session, options: PullConsumerOptions) {
    const problem = groupNameProblem(options.group)
    if (problem !== undefined) throw new Error(problem)
    this.group = options.group
    this.#session = session
    this.#options = options
    this.#offsets = new BrokerOffsets(session, this.group)
    this.#tags = new Map(Object.entries(options.subscriptions ?? {}))
    this.#version = session.clock.now()
  }

  async start(): Promise<void> {
    if (this.#tags.size === 0) return
    this.#session.addConsumer(this)
    await Promise.all([...this.#tags.keys()].map((topic) => this.#session.routes.refresh(topic)))
    await this.#session.heartbeat()
    await this.#rebalance()
    this.#cancelRebalance = this.#session.timer.every(REBALANCE_INTERVAL_MS, () => this.rebalanceSoon())
  }

  heartbeatData(): ConsumerData {
    return {
      groupName: this.group,
      consumeType: 'CONSUME_ACTIVELY',
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
      subscriptionDataSet: [...this.#tags].map(([topic, tags]) =>
        subscriptionData(topic, tags, this.#version),
      ),
      unitMode: false,
    }
  }

  rebalanceSoon(): void {
    void this.#rebalance().catch((error: unknown) =>
      this.#session.log.warn('client.rebalance-failed', { error }),
    )
  }

  /** The queues of a topic. Rejects with TopicNotFoundError. */
  async queues(topic: string): Promise<readonly MessageQueue[]> {
    const route = await this.#session.routes.get(topic)
    if (!route) throw new TopicNotFoundError(topic, 'the nameservers')
    return route.subscribeQueues
  }

  /** Reads exactly these queues, each from its committed offset or from `options.from`. */
  async assign(queues: readonly MessageQueue[]): Promise<void> {
    const wanted = new Set(queues.map(queueKey))
    for (const key of this.#positions.keys()) if (!wanted.has(key)) this.#positions.delete(key)
    for (const queue of queues) {
      if (this.#positions.has(queueKey(queue))) continue
      await this.#session.routes.get(queue.topic)
      const offset =
        (await this.#offsets.read(queue)) ??
        (await startOffset(this.#session, queue, this.#options.from ?? 'last'))
      this.#positions.set(queueKey(queue), { queue, offset })
    }
  }

  /** The queues that this consumer reads now. */
  get assignment(): readonly MessageQueue[] {
    return [...this.#positions.values()].map((position) => position.queue)
  }

  /** The offset that the next poll of the queue reads from. */
  position(queue: MessageQueue): number | undefined {
    return this.#positions.get(queueKey(queue))?.offset
  }

  seek(queue: MessageQueue, offset: number): void {
    const key = queueKey(queue)
    this.#positions.set(key, { queue, offset })
    // A pull that waits at the old position would keep the queue from being read at the new one.
    this.#polling.get(key)?.abort()
    this.#polling.delete(key)
  }

  minOffset = (queue: MessageQueue): Promise<number> => minOffset(this.#session, queue)
  maxOffset = (queue: MessageQueue): Promise<number> => maxOffset(this.#session, queue)
  offsetByTime = (queue: MessageQueue, timestamp: number): Promise<number> =>
    offsetByTime(this.#session, queue, timestamp)

  /** One plain pull, at once, without moving anything. */
  pull(queue: MessageQueue, offset: number, maxCount = this.#options.batchSize ?? 32): Promise<PullResult> {
    return pull(this.#session, {
      group: this.group,
      queue,
      offset,
      maxCount,
      suspendMs: 0,
      tags: this.#tags.get(queue.topic) ?? '*',
      registeredVersion: undefined,
    })
  }

  /** The next batch of any assigned queue, or undefined when nothing came within pollTimeoutMs. */
  async poll(options: { readonly signal?: AbortSignal } = {}): Promise<Batch | undefined> {
    const deadline = this.#session.clock.monotonicMs() + (this.#options.pollTimeoutMs ?? 15_000)
    for (;;) {
      options.signal?.throwIfAborted()
      if (this.#abort.signal.aborted) return undefined
      for (const [key, { queue, offset }] of this.#positions) {
        if (!this.#polling.has(key)) void this.#pollQueue(key, queue, offset)
      }
      const batch = this.#takeReady()
      if (batch) return batch
      const leftMs = deadline - this.#session.clock.monotonicMs()
      if (leftMs <= 0) return undefined
      await this.#waitMs(Math.min(leftMs, 1000), options.signal)
    }
  }

  /** Commits the position of every queue (or of one) as the group's offset; resolves when the brokers have it. */
  async commit(queue?: MessageQueue): Promise<void> {
    const all = queue ? [this.#positions.get(queueKey(queue))] : [...this.#positions.values()]
    await Promise.all(all.map((position) => position && this.#offsets.write(position.queue, position.offset)))
  }

  /** The offset that the group committed for a queue. */
  committed(queue: MessageQueue): Promise<number | undefined> {
    return this.#offsets.read(queue)
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Batch> {
    while (!this.#abort.signal.aborted) {
      const batch = await this.poll()
      if (batch) yield batch
    }
  }

  /** Does not commit: what was not committed is read again by the next member. */
  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return
    this.#abort.abort()
    for (const controller of this.#polling.values()) controller.abort()
    this.#polling.clear()
    this.#cancelRebalance?.()
    if (this.#tags.size > 0) await this.#session.removeConsumer(this.group)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** A seek or a rebalance while the answer was under way makes it worthless: it is dropped here. */
  #takeReady(): Batch | undefined {
    for (let ready = this.#ready.shift(); ready; ready = this.#ready.shift()) {
      const key = queueKey(ready.queue)
      this.#polling.delete(key)
      if (this.#positions.get(key)?.offset !== ready.offset) continue
      this.#positions.set(key, { queue: ready.queue, offset: ready.nextOffset })
      if (ready.messages.length > 0) return { queue: ready.queue, messages: ready.messages }
    }
    return undefined
  }

  async #pollQueue(key: string, queue: MessageQueue, offset: number): Promise<void> {
    const controller = new AbortController()
    this.#polling.set(key, controller)
    const isCurrent = (): boolean => this.#polling.get(key) === controller
    try {
      const { messages, nextOffset } = await pull(this.#session, {
        group: this.group,
        queue,
        offset,
        maxCount: this.#options.batchSize ?? 32,
        suspendMs: this.#options.pollTimeoutMs ?? 15_000,
        tags: this.#tags.get(queue.topic) ?? '*',
        registeredVersion: undefined,
        signal: controller.signal,
      })
      if (!isCurrent()) return
      this.#ready.push({ queue, offset, nextOffset, messages })
      this.#wake?.()
    } catch (error) {
      if (!isCurrent()) return
      this.#session.log.warn('client.pull-failed', { queue, error })
      await this.#waitMs(1000)
      if (isCurrent()) this.#polling.delete(key)
    }
  }

  #waitMs(ms: number, signal?: AbortSignal): Promise<undefined> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel()
        signal?.removeEventListener('abort', finish)
        this.#abort.signal.removeEventListener('abort', finish)
        resolve(undefined)
      }
      const cancel = this.#session.timer.after(ms, finish)
      this.#wake = finish
      signal?.addEventListener('abort', finish)
      this.#abort.signal.addEventListener('abort', finish)
    })
  }

  async #rebalance(): Promise<void> {
    const all: MessageQueue[] = []
    for (const topic of this.#tags.keys()) {
      const queues = await assignedQueues(this.#session, this.group, topic, 'clustering')
      all.push(...(queues ?? this.assignment.filter((queue) => queue.topic === topic)))
    }
    await this.assign(all)
  }
}
