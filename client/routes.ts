import type { Log } from '../base/log.ts'
import { type TopicRouteData, topicRouteBody } from '../remoting/bodies/topic-route.ts'
import type { RemotingClient } from '../remoting/client.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { ConnectionError, RequestError } from '../remoting/errors.ts'
import { getRouteinfoByTopic } from '../remoting/requests/get-routeinfo-by-topic.ts'
import { compareQueues } from './allocate.ts'
import type { MessageQueue } from './message.ts'

const PERM_READ = 4
const PERM_WRITE = 2
const MASTER_ID = '0'
const ROUTE_TIMEOUT_MS = 3000

/** What a client knows of one topic: its queues for sending and for reading, and where its brokers are. */
export interface Route {
  readonly topic: string
  readonly publishQueues: readonly MessageQueue[]
  readonly subscribeQueues: readonly MessageQueue[]
  /** Broker name → broker id → address. */
  readonly brokers: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** The queues of a nameserver's answer, as far as they can be used. Pure. */
export function routeOf(topic: string, data: TopicRouteData): Route {
  const brokers = new Map<string, ReadonlyMap<string, string>>()
  for (const broker of data.brokerDatas)
    brokers.set(broker.brokerName, new Map(Object.entries(broker.brokerAddrs)))
  const publishQueues: MessageQueue[] = []
  const subscribeQueues: MessageQueue[] = []
  for (const { brokerName, perm, readQueueNums, writeQueueNums } of data.queueDatas) {
    const addresses = brokers.get(brokerName)
    if (!addresses) continue
    if (perm & PERM_WRITE && addresses.has(MASTER_ID)) {
      for (let queueId = 0; queueId < writeQueueNums; queueId++)
        publishQueues.push({ topic, brokerName, queueId })
    }
    if (perm & PERM_READ) {
      for (let queueId = 0; queueId < readQueueNums; queueId++)
        subscribeQueues.push({ topic, brokerName, queueId })
    }
  }
  return {
    topic,
    publishQueues: publishQueues.sort(compareQueues),
    subscribeQueues: subscribeQueues.sort(compareQueues),
    brokers,
  }
}

/** Where a new topic will have queues: those of TBW102, at most `queueCount` on each broker. Pure. */
export function routeForNewTopic(topic: string, template: Route, queueCount: number): Route {
  const publishQueues = template.publishQueues
    .filter((queue) => queue.queueId < queueCount)
    .map((queue) => ({ ...queue, topic }))
  return { topic, publishQueues, subscribeQueues: publishQueues, brokers: template.brokers }
}

/** Routes by topic, kept until refreshed. Asks one nameserver, the next one when that does not answer. */
export class Routes {
  readonly #remoting: RemotingClient
  readonly #nameservers: readonly string[]
  readonly #log: Log
  readonly #known = new Map<string, Route>()
  readonly #asking = new Map<string, Promise<Route | undefined>>()
  #current = 0

  constructor(parts: { remoting: RemotingClient; nameservers: readonly string[]; log: Log }) {
    this.#remoting = parts.remoting
    this.#nameservers = parts.nameservers
    this.#log = parts.log
  }

  known(topic: string): Route | undefined {
    return this.#known.get(topic)
  }

  /** The newest known route, asked for when there is none. Undefined: the nameservers do not know the topic. */
  async get(topic: string): Promise<Route | undefined> {
    return this.#known.get(topic) ?? (await this.refresh(topic))
  }

  /** Concurrent refreshes of one topic share one question. Rejects when no nameserver answers. */
  refresh(topic: string): Promise<Route | undefined> {
    const asking = this.#asking.get(topic)
    if (asking) return asking
    const asked = this.#ask(topic).finally(() => this.#asking.delete(topic))
    this.#asking.set(topic, asked)
    return asked
  }

  /** All topics again; failures leave the old route in place. */
  async refreshAll(): Promise<void> {
    await Promise.all(
      [...this.#known.keys()].map((topic) =>
        this.refresh(topic).catch((error: unknown) =>
          this.#log.warn('client.route-refresh-failed', { topic, error }),
        ),
      ),
    )
  }

  /** Address of a broker in any known route: the master, or any when `anyReplica` and there is none. */
  brokerAddress(brokerName: string, anyReplica = false): string | undefined {
    for (const route of this.#known.values()) {
      const addresses = route.brokers.get(brokerName)
      const address = addresses?.get(MASTER_ID) ?? (anyReplica ? addresses?.values().next().value : undefined)
      if (address) return address
    }
    return undefined
  }

  /** Every known broker address, for heartbeats. */
  allBrokerAddresses(): ReadonlySet<string> {
    const all = new Set<string>()
    for (const route of this.#known.values()) {
      for (const addresses of route.brokers.values())
        for (const address of addresses.values()) all.add(address)
    }
    return all
  }

  async #ask(topic: string): Promise<Route | undefined> {
    let failure: unknown
    for (let attempt = 0; attempt < this.#nameservers.length; attempt++) {
      const address = this.#nameservers[this.#current % this.#nameservers.length] ?? ''
      try {
        const answer = await this.#remoting.call(
          address,
          getRouteinfoByTopic,
          { topic, acceptStandardJsonOnly: true },
          { timeoutMs: ROUTE_TIMEOUT_MS },
        )
        const route = routeOf(topic, topicRouteBody.decode(answer.body))
        this.#known.set(topic, route)
        return route
      } catch (error) {
        if (error instanceof RequestError && error.code === ResponseCode.TOPIC_NOT_EXIST) {
          this.#known.delete(topic)
          return undefined
        }
        if (!(error instanceof ConnectionError)) throw error
        failure = error
        this.#current++
      }
    }
    throw failure
  }
}
