import type { Clock, Random } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Timer } from '../base/timer.ts'
import { type ConsumerData, heartbeatBody } from '../remoting/bodies/heartbeat.ts'
import type { RemotingClient } from '../remoting/client.ts'
import { heartBeat } from '../remoting/requests/heart-beat.ts'
import { unregisterClient } from '../remoting/requests/unregister-client.ts'
import type { Routes } from './routes.ts'

const HEARTBEAT_INTERVAL_MS = 30_000
const ROUTE_INTERVAL_MS = 30_000
const CALL_TIMEOUT_MS = 3000

/** A consumer as the session sees it: what its heartbeat says, and what to do when the group changed. */
export interface SessionConsumer {
  readonly group: string
  heartbeatData(): ConsumerData
  rebalanceSoon(): void
}

/**
 * What all producers and consumers of one client share: connections, routes, one client id, and the heartbeats that keep
 * them known to the brokers (every 30 s to every broker of every known route, and at once when a consumer starts).
 */
export class Session {
  readonly clientId: string
  readonly remoting: RemotingClient
  readonly routes: Routes
  readonly clock: Clock
  readonly random: Random
  readonly timer: Timer
  readonly log: Log
  readonly #producerGroups = new Map<string, number>()
  readonly #consumers = new Map<string, SessionConsumer>()
  readonly #cancels: readonly (() => void)[]

  constructor(parts: {
    clientId: string
    remoting: RemotingClient
    routes: Routes
    clock: Clock
    random: Random
    timer: Timer
    log: Log
  }) {
    this.clientId = parts.clientId
    this.remoting = parts.remoting
    this.routes = parts.routes
    this.clock = parts.clock
    this.random = parts.random
    this.timer = parts.timer
    this.log = parts.log
    this.#cancels = [
      this.timer.every(HEARTBEAT_INTERVAL_MS, () => void this.heartbeat()),
      this.timer.every(ROUTE_INTERVAL_MS, () => void this.routes.refreshAll()),
    ]
  }

  addProducer(group: string): void {
    this.#producerGroups.set(group, (this.#producerGroups.get(group) ?? 0) + 1)
  }

  async removeProducer(group: string): Promise<void> {
    const rest = (this.#producerGroups.get(group) ?? 1) - 1
    if (rest > 0) this.#producerGroups.set(group, rest)
    else {
      this.#producerGroups.delete(group)
      await this.#unregister({ producerGroup: group })
    }
  }

  /** One consumer per group and client: two would share a client id and fight over its queues. */
  addConsumer(consumer: SessionConsumer): void {
    if (this.#consumers.has(consumer.group)) {
      throw new Error(
        `this client already has a consumer of group ${consumer.group}: connect() a second client for another one`,
      )
    }
    this.#consumers.set(consumer.group, consumer)
  }

  async removeConsumer(group: string): Promise<void> {
    if (this.#consumers.delete(group)) await this.#unregister({ consumerGroup: group })
  }

  /** NOTIFY_CONSUMER_IDS_CHANGED of a broker. */
  groupChanged(group: string): void {
    this.#consumers.get(group)?.rebalanceSoon()
  }

  /** To every known broker; failures are logged, never thrown: the next beat tries again. */
  async heartbeat(): Promise<void> {
    if (this.#producerGroups.size === 0 && this.#consumers.size === 0) return
    const body = heartbeatBody.encode({
      clientID: this.clientId,
      producerDataSet: [...this.#producerGroups.keys()].map((groupName) => ({ groupName })),
      consumerDataSet: [...this.#consumers.values()].map((consumer) => consumer.heartbeatData()),
      heartbeatFingerprint: 0,
      withoutSub: false,
    })
    await this.#toAllBrokers('client.heartbeat-failed', (address) =>
      this.remoting.call(address, heartBeat, {}, { timeoutMs: CALL_TIMEOUT_MS, body }),
    )
  }

  stopTimers(): void {
    for (const cancel of this.#cancels) cancel()
  }

  async #unregister(groups: { producerGroup?: string; consumerGroup?: string }): Promise<void> {
    await this.#toAllBrokers('client.unregister-failed', (address) =>
      this.remoting.call(
        address,
        unregisterClient,
        { clientID: this.clientId, ...groups },
        { timeoutMs: CALL_TIMEOUT_MS },
      ),
    )
  }

  async #toAllBrokers(event: string, send: (address: string) => Promise<unknown>): Promise<void> {
    await Promise.all(
      [...this.routes.allBrokerAddresses()].map((address) =>
        send(address).catch((error: unknown) => this.log.warn(event, { address, error })),
      ),
    )
  }
}
