import { networkInterfaces } from 'node:os'
import { type Clock, type Random, systemClock } from '../base/clock.ts'
import { type Log, silentLog } from '../base/log.ts'
import { systemTimer, type Timer } from '../base/timer.ts'
import { hostText } from '../message/host.ts'
import { parseOffsetMessageId, uniqueKeyMaker } from '../message/message-id.ts'
import { RemotingClient } from '../remoting/client.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { HEADER_BINARY, HEADER_JSON } from '../remoting/command.ts'
import { Dispatcher } from '../remoting/dispatch.ts'
import { RequestError } from '../remoting/errors.ts'
import { NODE_JS } from '../remoting/languages.ts'
import { notifyConsumerIdsChanged } from '../remoting/requests/notify-consumer-ids-changed.ts'
import { queryMessage } from '../remoting/requests/query-message.ts'
import { viewMessageById } from '../remoting/requests/view-message-by-id.ts'
import { TopicNotFoundError } from './errors.ts'
import type { ReceivedMessage } from './message.ts'
import { Producer, type ProducerOptions } from './producer.ts'
import { PullConsumer, type PullConsumerOptions } from './pull-consumer.ts'
import { PushConsumer, type PushConsumerOptions } from './push-consumer.ts'
import { decodeMessages } from './received.ts'
import { Routes } from './routes.ts'
import { Session } from './session.ts'

// biome-ignore-start lint/performance/noBarrelFile: this file is the published face of the client, an explicit list of names.
export { ConnectionError, RequestError } from '../remoting/errors.ts'
export { ClosedError, IllegalMessageError, SendError, TopicNotFoundError } from './errors.ts'
export type {
  MessageModel,
  MessageQueue,
  OutgoingMessage,
  ReceivedMessage,
  SendResult,
  SendStatus,
  StartFrom,
} from './message.ts'
export type { OffsetStore } from './offsets.ts'
export type { Producer, ProducerOptions, SendOptions } from './producer.ts'
export type { PullResult } from './pull.ts'
export type { Batch, PullConsumer, PullConsumerOptions } from './pull-consumer.ts'
export type { PushConsumer, PushConsumerOptions } from './push-consumer.ts'
// biome-ignore-end lint/performance/noBarrelFile: see above.

export interface ClientOptions {
  /** `host:port`, several separated by `;` or `,`: NAMESRV_ADDR of every RocketMQ tool. */
  readonly nameservers: string
  /** Names this client among its group; unique per process and client by default. */
  readonly clientId?: string
  /** Header form on the wire: JSON (default) or RocketMQ's binary one. */
  readonly headerForm?: 'json' | 'binary'
  readonly connectTimeoutMs?: number
  readonly log?: Log
  readonly clock?: Clock
  readonly random?: Random
  readonly timer?: Timer
}

const DEFAULT_NAMESERVER_PORT = 9876
const QUERY_TIMEOUT_MS = 10_000

/**
 * A client of one RocketCluster or Apache RocketMQ cluster. Connections are made when they are needed; close the client to let
 * the process end.
 *
 *     await using client = connect({ nameservers: 'localhost:9876' })
 *     const producer = client.producer({ group: 'orders-app' })
 *     await producer.send({ topic: 'orders', body: 'hello', keys: 'order-1' })
 */
export function connect(options: ClientOptions): Client {
  return new Client(options)
}

export class Client implements AsyncDisposable {
  readonly #session: Session
  readonly #remoting: RemotingClient
  readonly #nextMessageId: () => string
  readonly #open = new Set<{ close(): Promise<void> }>()

  /** Use connect(). Throws when no nameserver address is given. */
  constructor(options: ClientOptions) {
    const log = options.log ?? silentLog
    const clock = options.clock ?? systemClock
    const random = options.random ?? Math.random
    const requests = new Dispatcher({ log })
    requests.on(notifyConsumerIdsChanged, (request) => {
      this.#session.groupChanged(request.header.consumerGroup)
      return {}
    })
    this.#remoting = new RemotingClient({
      log,
      clock,
      form: options.headerForm === 'binary' ? HEADER_BINARY : HEADER_JSON,
      language: NODE_JS,
      connectTimeoutMs: options.connectTimeoutMs ?? 3000,
      onRequest: requests,
    })
    this.#nextMessageId = uniqueKeyMaker({ ip: localIp(), pid: process.pid, random, now: () => clock.now() })
    this.#session = new Session({
      clientId: options.clientId ?? `${localIp().join('.')}@${process.pid}#${Math.floor(random() * 1e9)}`,
      remoting: this.#remoting,
      routes: new Routes({
        remoting: this.#remoting,
        nameservers: parseNameservers(options.nameservers),
        log,
      }),
      clock,
      random,
      timer: options.timer ?? systemTimer,
      log,
    })
  }

  producer(options: ProducerOptions = {}): Producer {
    const producer = new Producer(this.#session, this.#nextMessageId, options)
    this.#open.add(producer)
    return producer
  }

  /** Resolves when the consumer has its first queues. */
  async pushConsumer(options: PushConsumerOptions): Promise<PushConsumer> {
    const consumer = new PushConsumer(this.#session, options)
    this.#open.add(consumer)
    await consumer.start()
    return consumer
  }

  async pullConsumer(options: PullConsumerOptions): Promise<PullConsumer> {
    const consumer = new PullConsumer(this.#session, options)
    this.#open.add(consumer)
    await consumer.start()
    return consumer
  }

  /** Messages with this key (or unique message id) on all brokers of the topic, newest first. */
  async queryByKey(
    topic: string,
    key: string,
    options: {
      readonly maxCount?: number
      readonly begin?: number
      readonly end?: number
      readonly isUniqueId?: boolean
    } = {},
  ): Promise<ReceivedMessage[]> {
    const route = await this.#session.routes.get(topic)
    if (!route) throw new TopicNotFoundError(topic, 'the nameservers')
    const header = {
      topic,
      key,
      maxNum: options.maxCount ?? 32,
      beginTimestamp: options.begin ?? 0,
      endTimestamp: options.end ?? Number.MAX_SAFE_INTEGER,
      isUniqueKey: options.isUniqueId,
    }
    const found = await Promise.all(
      [...route.brokers].map(async ([brokerName]) => {
        const address = this.#session.routes.brokerAddress(brokerName, true)
        if (address === undefined) return []
        const answer = await this.#remoting.call(address, queryMessage, header, {
          timeoutMs: QUERY_TIMEOUT_MS,
          codes: [ResponseCode.SUCCESS, ResponseCode.QUERY_NOT_FOUND],
        })
        return decodeMessages(answer.body, { topic, brokerName, queueId: 0 })
      }),
    )
    const wanted = (message: ReceivedMessage): boolean =>
      options.isUniqueId ? message.messageId === key : message.keys.includes(key) || message.messageId === key
    return found
      .flat()
      .filter(wanted)
      .sort((a, b) => b.storeTimestamp - a.storeTimestamp)
  }

  /** The message behind an offset message id, or undefined when its broker no longer has it. */
  async messageById(offsetMessageId: string, topic?: string): Promise<ReceivedMessage | undefined> {
    const id = parseOffsetMessageId(offsetMessageId)
    if (!id)
      throw new Error(`${offsetMessageId} is no offset message id: those have 32 or 56 hexadecimal digits`)
    try {
      const header = topic === undefined ? { offset: id.position } : { offset: id.position, topic }
      const answer = await this.#remoting.call(hostText(id.storeHost), viewMessageById, header, {
        timeoutMs: QUERY_TIMEOUT_MS,
      })
      return decodeMessages(answer.body, { topic: topic ?? '', brokerName: '', queueId: 0 })[0]
    } catch (error) {
      if (error instanceof RequestError && error.code === ResponseCode.SYSTEM_ERROR) return undefined
      throw error
    }
  }

  /** Closes its producers and consumers (which commit), then the connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((part) => part.close()))
    this.#open.clear()
    this.#session.stopTimers()
    this.#remoting.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** `a:9876;b` → addresses with a port. Pure. */
export function parseNameservers(list: string): readonly string[] {
  const addresses = list
    .split(/[;,\s]+/)
    .filter((address) => address !== '')
    .map((address) => (/:\d+$/.test(address) ? address : `${address}:${DEFAULT_NAMESERVER_PORT}`))
  if (addresses.length === 0)
    throw new Error('no nameserver address: give host:port, several separated by ";"')
  return addresses
}

/** The first outside IPv4 address of this machine, else loopback: part of ids, never dialled. */
function localIp(): Uint8Array {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, family, internal } of addresses ?? []) {
      if (family === 'IPv4' && !internal) return Uint8Array.from(address.split('.'), Number)
    }
  }
  return Uint8Array.of(127, 0, 0, 1)
}
