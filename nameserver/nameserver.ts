import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Histogram } from '../base/metrics.ts'
import type { Timestamp } from '../base/units.ts'
import { RemotingClient } from '../remoting/client.ts'
import { requestName } from '../remoting/codes.ts'
import { Dispatcher } from '../remoting/dispatch.ts'
import type { RemotingLimits } from '../remoting/limits.ts'
import type { Peer } from '../remoting/peer.ts'
import { notifyMinBrokerIdChange } from '../remoting/requests/notify-min-broker-id-change.ts'
import { listen, type RemotingServer } from '../remoting/server.ts'
import type { NameserverSettings } from '../settings/nameserver.ts'
import { handlers } from './handlers.ts'
import { KvConfig, type KvStorage } from './kv-config.ts'
import { type NameserverLimits, nameserverLimits } from './limits.ts'
import type { NameserverParts, RegistrationOutcome, StoreSettings } from './parts.ts'
import { RouteAnswers } from './route-answer.ts'
import { type RemovalOutcome, RouteTable, type SmallestIdChange } from './routes.ts'
import { TopicLists } from './topic-lists.ts'

export interface NameserverOptions {
  /** Changed in place when administrators ask for it (318). */
  readonly settings: NameserverSettings
  readonly storeSettings: StoreSettings
  readonly kvStorage: KvStorage
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<NameserverLimits>
  readonly remotingLimits?: Partial<RemotingLimits>
  /** A bug was found: the process is expected to stop. */
  readonly onFailure?: (error: Error) => void
}

/** So much time between two ticks means that the process was stopped or starved. */
const STALL_MS = 3000

/** Resolves when requests are served. Rejects when the port is taken or the KV configuration cannot be read. */
export async function startNameserver(options: NameserverOptions): Promise<Nameserver> {
  const limits = { ...nameserverLimits, ...options.limits }
  const kv = await KvConfig.load(options.kvStorage, limits)
  const nameserver = new Nameserver(options, limits, kv)
  await nameserver.open()
  return nameserver
}

/** One nameserver: the tables, the port they are asked on, and the time that passes for them. */
export class Nameserver {
  readonly routes: RouteTable
  readonly answers: RouteAnswers
  readonly kv: KvConfig
  /** Since the start. */
  readonly registrationCounts: Record<RegistrationOutcome, number> = { applied: 0, unchanged: 0, refused: 0 }
  readonly #options: NameserverOptions
  readonly #dispatcher: Dispatcher
  readonly #client: RemotingClient
  readonly #watched = new WeakSet<Peer>()
  readonly #complained = new WeakSet<Peer>()
  readonly #requestCounts = new Map<number, number>()
  #unknownCount = 0
  #routeSeconds: Histogram | undefined
  #server: RemotingServer | undefined
  #tickedAtMs: number
  #scannedAtMs: number
  #isStopping = false

  constructor(options: NameserverOptions, limits: NameserverLimits, kv: KvConfig) {
    const { clock, log } = options
    this.#options = options
    this.kv = kv
    this.routes = new RouteTable(limits)
    this.answers = new RouteAnswers(this.routes, limits.answerCacheBytesMax)
    this.#client = new RemotingClient({ log, clock })
    this.#tickedAtMs = clock.monotonicMs()
    this.#scannedAtMs = this.#tickedAtMs
    const { onFailure } = options
    this.#dispatcher = new Dispatcher({ log, ...(onFailure === undefined ? {} : { onFailure }) })
    this.#dispatcher.addGuard(({ code }) => this.#count(code))
    const parts: NameserverParts = {
      settings: options.settings,
      storeSettings: options.storeSettings,
      routes: this.routes,
      answers: this.answers,
      topicLists: new TopicLists(this.routes),
      kv,
      limits,
      clock,
      startedAtMs: clock.monotonicMs(),
      log,
      routeServed: (ms) => this.#routeSeconds?.observe(ms / 1000),
      registrationServed: (outcome) => {
        this.registrationCounts[outcome] += 1
      },
      watch: (peer) => this.#watch(peer),
      complainOnce: (peer, event, fields) => {
        if (!this.#complained.has(peer)) log.warn(event, fields)
        this.#complained.add(peer)
      },
      tellSmallestIds: (changes) => this.#tellSmallestIds(changes),
    }
    for (const row of handlers) row.addTo(this.#dispatcher, parts)
  }

  async open(): Promise<void> {
    const { clock, log, remotingLimits, settings } = this.#options
    this.#server = await listen({
      host: settings.bindAddress,
      port: settings.listenPort,
      dispatcher: this.#dispatcher,
      log,
      clock,
      limits: {
        idleTimeoutMs: settings.serverChannelMaxIdleTimeSeconds * 1000,
        connectionsMax: settings.maxConnectionNum,
        ...remotingLimits,
      },
    })
    log.info('nameserver.started', this.address)
  }

  /** Where it listens; the port is never 0. */
  get address(): { readonly host: string; readonly port: number } {
    return this.#server?.address ?? { host: '', port: 0 }
  }

  get connectionCount(): number {
    return this.#server?.connections.size ?? 0
  }

  /** Requests so far by name; all that nobody serves together under one. */
  requestCounts(): readonly (readonly [request: string, count: number])[] {
    const counts = [...this.#requestCounts].map(([code, count]) => [requestName(code), count] as const)
    return this.#unknownCount === 0 ? counts : [...counts, ['unknown', this.#unknownCount]]
  }

  /** Every route request is observed from now on, in seconds from the decoded request to the answer. */
  observeRoutes(histogram: Histogram): void {
    this.#routeSeconds = histogram
  }

  /** To be called about every second: closes dead connections and removes brokers that fell silent. */
  tick(now: Timestamp): void {
    this.#server?.tick(now)
    this.#client.tick(now)
    const nowMs = this.#options.clock.monotonicMs()
    // When we stood still ourselves, signs of life wait unread in the sockets: they are read before the next look.
    if (nowMs - this.#tickedAtMs > STALL_MS) this.#scannedAtMs = nowMs
    this.#tickedAtMs = nowMs
    if (nowMs - this.#scannedAtMs < this.#options.settings.scanNotActiveBrokerInterval) return
    this.#scannedAtMs = nowMs
    const outcome = this.routes.expire(nowMs)
    this.#departed(outcome, 'silent')
    for (const { connection } of outcome.removed) (connection as Peer).close('the broker fell silent')
  }

  /** Answers what is under way, then closes. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const graceMs = this.#options.settings.shutdownWaitTimeSeconds * 1000
    await this.#server?.close({ graceMs })
    this.#client.close()
    await this.kv.settled()
    this.#options.log.info('nameserver.stopped')
  }

  #count(code: number): undefined {
    const count = this.#requestCounts.get(code)
    if (count !== undefined) this.#requestCounts.set(code, count + 1)
    else if (this.#dispatcher.find(code) !== undefined) this.#requestCounts.set(code, 1)
    else this.#unknownCount += 1
    return undefined
  }

  #watch(peer: Peer): void {
    if (this.#watched.has(peer)) return
    this.#watched.add(peer)
    peer.onClose((reason) => this.#departed(this.routes.connectionClosed(peer), reason))
  }

  #departed({ removed, smallestIdChanges }: RemovalOutcome, reason: string): void {
    // The brokers are still there, it is we who are going.
    if (this.#isStopping) return
    for (const { clusterName, group, brokerId, brokerAddr } of removed)
      this.#options.log.warn('broker.gone', {
        cluster: clusterName,
        broker: group.brokerName,
        id: brokerId,
        address: brokerAddr,
        reason,
      })
    this.#tellSmallestIds(smallestIdChanges)
  }

  #tellSmallestIds(changes: readonly SmallestIdChange[]): void {
    if (!this.#options.settings.notifyMinBrokerIdChanged) return
    for (const change of changes) {
      const header = {
        minBrokerId: change.smallestId,
        brokerName: change.brokerName,
        minBrokerAddr: change.smallestIdAddr,
        offlineBrokerAddr: change.offlineAddr,
        haBrokerAddr: change.haServerAddr,
      }
      for (const address of change.tell)
        this.#client.tell(address, notifyMinBrokerIdChange, header).catch((error: unknown) => {
          this.#options.log.warn('broker.not-told', { address, error: String(error) })
        })
    }
  }
}
