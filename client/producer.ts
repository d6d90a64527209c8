import { encodeBatch } from '../message/batch.ts'
import { AUTO_CREATE_TOPIC, groupNameProblem, topicNameProblem } from '../message/names.ts'
import { BROKER_OWNED, encodeProperties, Property } from '../message/properties.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { ConnectionError, RequestError } from '../remoting/errors.ts'
import { sendBatchMessage } from '../remoting/requests/send-batch-message.ts'
import { sendMessageV2 } from '../remoting/requests/send-message-v2.ts'
import { ClosedError, IllegalMessageError, SendError, TopicNotFoundError } from './errors.ts'
import type { MessageQueue, OutgoingMessage, SendResult, SendStatus } from './message.ts'
import { chooseQueue, queueForKey } from './queue-choice.ts'
import { backOffMs, isRetryableCode } from './retry.ts'
import { type Route, routeForNewTopic } from './routes.ts'
import type { Session } from './session.ts'

export interface ProducerOptions {
  /** Names the producer towards brokers and tools. Default `DEFAULT_PRODUCER`. */
  readonly group?: string
  /** How long one attempt may take. Default 3000. */
  readonly sendTimeoutMs?: number
  /** Attempts after the first one, on another broker where there is one. Default 2. A repeated send may be stored twice. */
  readonly retries?: number
  /** Queues of a topic that is made by its first send. Default 4. */
  readonly newTopicQueues?: number
  /** Body bytes at most. Default 4 MiB, as the broker's maxMessageSize. */
  readonly maxMessageSizeBytes?: number
}

export interface SendOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Exactly this queue, no other on failure. */
  readonly queue?: MessageQueue
}

const STATUS_BY_CODE: ReadonlyMap<number, SendStatus> = new Map([
  [ResponseCode.SUCCESS, 'SEND_OK'],
  [ResponseCode.FLUSH_DISK_TIMEOUT, 'FLUSH_DISK_TIMEOUT'],
  [ResponseCode.FLUSH_SLAVE_TIMEOUT, 'FLUSH_SLAVE_TIMEOUT'],
  [ResponseCode.SLAVE_NOT_AVAILABLE, 'SLAVE_NOT_AVAILABLE'],
])
/** Answers that mean "stored", so that they resolve instead of rejecting. */
const STORED_CODES = [...STATUS_BY_CODE.keys()]

/** A message ready for the wire. */
interface Encoded {
  readonly topic: string
  readonly body: Uint8Array
  readonly properties: string
  readonly flag: number
  readonly shardingKey: string | undefined
  /** Comma separated for a batch. */
  readonly messageId: string
  readonly isBatch: boolean
}

/** Sends messages; safe to use from many places at once. */
export class Producer implements AsyncDisposable {
  readonly group: string
  readonly #session: Session
  readonly #nextMessageId: () => string
  readonly #options: Required<ProducerOptions>
  #turn: number
  #closed = false

  /** Made by Client.producer(). */
  constructor(session: Session, nextMessageId: () => string, options: ProducerOptions) {
    this.#session = session
    this.#nextMessageId = nextMessageId
    this.#options = {
      group: options.group ?? 'DEFAULT_PRODUCER',
      sendTimeoutMs: options.sendTimeoutMs ?? 3000,
      retries: options.retries ?? 2,
      newTopicQueues: options.newTopicQueues ?? 4,
      maxMessageSizeBytes: options.maxMessageSizeBytes ?? 4 * 1024 * 1024,
    }
    this.group = this.#options.group
    assertNoProblem(groupNameProblem(this.group))
    this.#turn = Math.floor(session.random() * 1000)
    session.addProducer(this.group)
  }

  /**
   * Sends one message and waits for the broker's answer. Rejects with IllegalMessageError (nothing was sent),
   * TopicNotFoundError, SendError (all attempts failed), ClosedError, or the signal's reason.
   */
  async send(message: OutgoingMessage, options: SendOptions = {}): Promise<SendResult> {
    return this.#deliver(this.#encode(message), options)
  }

  /** Sends messages of one topic as one request: all are stored, or none. */
  async sendBatch(messages: readonly OutgoingMessage[], options: SendOptions = {}): Promise<SendResult> {
    return this.#deliver(this.#encodeBatch(messages), options)
  }

  /** Hands the message to the connection and does not wait: nobody learns whether it was stored. */
  async sendOneway(message: OutgoingMessage, options: SendOptions = {}): Promise<void> {
    const encoded = this.#encode(message)
    const route = await this.#route(encoded.topic)
    const queue = options.queue ?? this.#choose(route, encoded, undefined)
    await this.#session.remoting.tell(
      this.#address(queue),
      sendMessageV2,
      this.#header(encoded, queue),
      encoded.body,
    )
  }

  /** Queues a topic can be sent to, for `options.queue`. */
  async queues(topic: string): Promise<readonly MessageQueue[]> {
    return (await this.#route(topic)).publishQueues
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#session.removeProducer(this.group)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #deliver(encoded: Encoded, options: SendOptions): Promise<SendResult> {
    if (this.#closed) throw new ClosedError(`producer ${this.group} is closed`)
    const attempts = options.queue ? 1 : this.#options.retries + 1
    let failure: unknown
    let failedBroker: string | undefined
    for (let attempt = 0; attempt < attempts; attempt++) {
      options.signal?.throwIfAborted()
      if (attempt > 0) await this.#pause(backOffMs(attempt, this.#session.random()))
      const route = this.#session.routes.known(encoded.topic) ?? (await this.#route(encoded.topic))
      const queue = options.queue ?? this.#choose(route, encoded, failedBroker)
      try {
        return await this.#attempt(encoded, queue, options)
      } catch (error) {
        if (!isWorthAnotherTry(error)) throw error
        failure = error
        failedBroker = queue.brokerName
        await this.#session.routes.refresh(encoded.topic).catch(() => undefined)
      }
    }
    throw new SendError(encoded.topic, attempts, failure)
  }

  async #attempt(encoded: Encoded, queue: MessageQueue, options: SendOptions): Promise<SendResult> {
    const answer = await this.#session.remoting.call(
      this.#address(queue),
      encoded.isBatch ? sendBatchMessage : sendMessageV2,
      this.#header(encoded, queue),
      {
        timeoutMs: options.timeoutMs ?? this.#options.sendTimeoutMs,
        body: encoded.body,
        codes: STORED_CODES,
        ...(options.signal && { signal: options.signal }),
      },
    )
    return {
      status: STATUS_BY_CODE.get(answer.command.code) ?? 'SEND_OK',
      messageId: encoded.messageId,
      offsetMessageId: answer.header.msgId ?? '',
      queue: {
        topic: encoded.topic,
        brokerName: queue.brokerName,
        queueId: answer.header.queueId ?? queue.queueId,
      },
      queueOffset: answer.header.queueOffset ?? -1,
    }
  }

  #header(encoded: Encoded, queue: MessageQueue) {
    return {
      producerGroup: this.group,
      topic: encoded.topic,
      defaultTopic: AUTO_CREATE_TOPIC,
      defaultTopicQueueNums: this.#options.newTopicQueues,
      queueId: queue.queueId,
      sysFlag: 0,
      bornTimestamp: this.#session.clock.now(),
      flag: encoded.flag,
      properties: encoded.properties,
      reconsumeTimes: 0,
      unitMode: false,
      batch: encoded.isBatch,
      brokerName: queue.brokerName,
    }
  }

  #address(queue: MessageQueue): string {
    const address = this.#session.routes.brokerAddress(queue.brokerName)
    if (address === undefined)
      throw new ConnectionError('refused', `broker ${queue.brokerName} has no master in the route`)
    return address
  }

  #choose(route: Route, encoded: Encoded, failedBroker: string | undefined): MessageQueue {
    const queue =
      encoded.shardingKey === undefined
        ? chooseQueue(route.publishQueues, this.#turn++, failedBroker)
        : queueForKey(route.publishQueues, encoded.shardingKey)
    if (!queue)
      throw new RequestError(
        ResponseCode.NO_PERMISSION,
        `topic ${route.topic} has no queue that can be written now`,
      )
    return queue
  }

  /** The topic's route, or that of TBW102 for a topic which its first send makes. */
  async #route(topic: string): Promise<Route> {
    const { routes } = this.#session
    const route = await routes.get(topic)
    if (route) return route
    const template = await routes.get(AUTO_CREATE_TOPIC)
    if (!template || template.publishQueues.length === 0)
      throw new TopicNotFoundError(topic, 'the nameservers')
    return routeForNewTopic(topic, template, this.#options.newTopicQueues)
  }

  #encode(message: OutgoingMessage): Encoded {
    const messageId = this.#nextMessageId()
    return {
      topic: this.#checkTopic(message.topic),
      body: this.#bodyOf(message),
      properties: propertiesOf(message, messageId),
      flag: message.flag ?? 0,
      shardingKey: message.shardingKey,
      messageId,
      isBatch: false,
    }
  }

  #encodeBatch(messages: readonly OutgoingMessage[]): Encoded {
    const first = messages[0]
    if (!first) throw new IllegalMessageError('a batch needs at least one message')
    const topic = this.#checkTopic(first.topic)
    const ids: string[] = []
    const parts = messages.map((message) => {
      if (message.topic !== topic)
        throw new IllegalMessageError(`a batch has one topic: ${topic} and ${message.topic} do not mix`)
      if (message.delayLevel)
        throw new IllegalMessageError('a batch cannot be delayed: send delayed messages one by one')
      const messageId = this.#nextMessageId()
      ids.push(messageId)
      return {
        flag: message.flag ?? 0,
        body: this.#bodyOf(message),
        properties: propertiesOf(message, messageId),
      }
    })
    const body = encodeBatch(parts)
    if (body.length > this.#options.maxMessageSizeBytes) {
      throw new IllegalMessageError(
        `the batch has ${body.length} bytes, allowed are ${this.#options.maxMessageSizeBytes}: split it`,
      )
    }
    const waits = first.waitForStore === false ? encodeProperties([[Property.WAIT, 'false']]) : ''
    return {
      topic,
      body,
      properties: waits,
      flag: 0,
      shardingKey: first.shardingKey,
      messageId: ids.join(','),
      isBatch: true,
    }
  }

  #checkTopic(topic: string): string {
    assertNoProblem(topicNameProblem(topic))
    return topic
  }

  #bodyOf(message: OutgoingMessage): Uint8Array {
    const body = typeof message.body === 'string' ? Buffer.from(message.body) : message.body
    if (body.length === 0) throw new IllegalMessageError('the body is empty')
    if (body.length > this.#options.maxMessageSizeBytes) {
      throw new IllegalMessageError(
        `the body has ${body.length} bytes, allowed are ${this.#options.maxMessageSizeBytes}`,
      )
    }
    return body
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#session.timer.after(ms, resolve))
  }
}

function isWorthAnotherTry(error: unknown): boolean {
  if (error instanceof ConnectionError) return error.reason !== 'aborted'
  return error instanceof RequestError && isRetryableCode(error.code)
}

function assertNoProblem(problem: string | undefined): void {
  if (problem !== undefined) throw new IllegalMessageError(problem)
}

/** Names that mean something to RocketMQ: user properties take others. */
const RESERVED: ReadonlySet<string> = new Set([...Object.values(Property), ...BROKER_OWNED])

/** The property string of a message: ours first, so that no user property can stand before them. */
function propertiesOf(message: OutgoingMessage, messageId: string): string {
  const all: [name: string, value: string][] = [
    [Property.UNIQUE_KEY, messageId],
    [Property.WAIT, String(message.waitForStore ?? true)],
  ]
  if (message.tags) all.push([Property.TAGS, message.tags])
  if (message.keys)
    all.push([Property.KEYS, typeof message.keys === 'string' ? message.keys : message.keys.join(' ')])
  if (message.delayLevel) all.push([Property.DELAY, String(message.delayLevel)])
  if (message.shardingKey) all.push([Property.SHARDING_KEY, message.shardingKey])
  for (const [name, value] of Object.entries(message.properties ?? {}))
    all.push([checkName(name, value), value])
  return encodeProperties(all)
}

function checkName(name: string, value: string): string {
  if (RESERVED.has(name))
    throw new IllegalMessageError(`property ${name} is reserved by RocketMQ: choose another name`)
  if (name === '' || value === '') throw new IllegalMessageError('a property needs a name and a value')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these two separate properties on the wire.
  if (/[\x01\x02]/.test(name + value)) {
    throw new IllegalMessageError(`property ${name} contains 0x01 or 0x02, which separate properties`)
  }
  return name
}
