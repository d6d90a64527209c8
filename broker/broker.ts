import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { assert } from '../base/assert.ts'
import type { Clock, Random } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Timer } from '../base/timer.ts'
import type { Timestamp } from '../base/units.ts'
import { hostBytes } from '../message/host.ts'
import type { HostBytes } from '../message/message.ts'
import { RemotingClient } from '../remoting/client.ts'
import type { Dispatcher } from '../remoting/dispatch.ts'
import { JAVA } from '../remoting/languages.ts'
import { listen, type RemotingServer } from '../remoting/server.ts'
import { OUR_VERSION } from '../remoting/versions.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import type { Disk } from '../store/disk.ts'
import { openStore } from '../store/message-store.ts'
import type { Store } from '../store/store.ts'
import { ClientTable } from './clients.ts'
import { fillDispatcher, newDispatcher } from './dispatch.ts'
import { GroupTable } from './groups.ts'
import { SendPath } from './handlers/send-message.ts'
import { LiveSettings, type StoreSettings } from './live-settings.ts'
import { LongPolls } from './long-poll.ts'
import { OffsetTable } from './offsets.ts'
import type { BrokerParts } from './parts.ts'
import { QueueLocks } from './queue-locks.ts'
import { Registration } from './registration.ts'
import { Schedule } from './schedule.ts'
import { BrokerStats } from './stats.ts'
import { storeOptions } from './store-options.ts'
import { TopicTable } from './topics.ts'

export interface BrokerOptions {
  readonly settings: BrokerSettings
  readonly disk: Disk
  readonly clock: Clock
  readonly timer: Timer
  readonly random: Random
  readonly log: Log
  /** Serve everything but pulls on listenPort − 2 as well (any free port when listenPort is 0). */
  readonly hasFastPort?: boolean
  /** Keeps what administrators change (code 25) for the next start. Absent: it is forgotten then. */
  readonly storeSettings?: StoreSettings
  /** All addresses of a host name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
  /**
   * The broker had to stop by itself: a failed fsync, a damaged store, a failed assertion. It has left the nameservers and
   * closed its connections; the process is expected to end with an error.
   */
  readonly onFailure: (error: Error) => void
}

export interface Broker {
  readonly address: { readonly host: string; readonly port: number }
  readonly fastAddress: { readonly host: string; readonly port: number } | undefined
  readonly store: Store
  readonly parts: BrokerParts
  /** Sends whose sender did not want to wait for disk or replicas (property WAIT=false). */
  readonly waitOverrideCount: number
  /** Whatever is due. To be called every TICK_INTERVAL_MS or so; never throws. */
  tick(now: Timestamp): void
  /** Leaves the nameservers, lets requests under way finish, writes everything down. */
  stop(): Promise<void>
}

/** The grain of delays and long polls; everything slower looks at the clock itself. */
export const TICK_INTERVAL_MS = 100
/** Connections and locks have time-outs of many seconds. */
const SLOW_TICK_MS = 1000
/** pullThreadPoolQueueCapacity of RocketMQ: about 1 KB each. */
const PARKED_PULLS_MAX = 100_000
/** After a failure of the store nothing can finish any more; answers that are ready may still leave. */
const FAILURE_GRACE_MS = 500

/** Opens the store, listens, registers: in this order. Rejects when one of them cannot be, with nothing left open. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const running = new RunningBroker(options)
  try {
    await running.start()
  } catch (error) {
    await running.stop().catch(() => undefined)
    throw error
  }
  return running
}

class RunningBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #topics: TopicTable
  readonly #groups: GroupTable
  readonly #offsets: OffsetTable
  readonly #schedule: Schedule
  readonly #clients: ClientTable
  readonly #queueLocks = new QueueLocks()
  readonly #longPolls = new LongPolls({ waitingMax: PARKED_PULLS_MAX })
  readonly #stats = new BrokerStats()
  #store: Store | undefined
  #parts: BrokerParts | undefined
  #sendPath: SendPath | undefined
  #server: RemotingServer | undefined
  #fastServer: RemotingServer | undefined
  #caller: RemotingClient | undefined
  #registration: Registration | undefined
  #stopping: Promise<void> | undefined
  #failure: Error | undefined
  #slowTickAtMs = 0

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#topics = new TopicTable(options)
    this.#groups = new GroupTable(options)
    this.#offsets = new OffsetTable(options)
    const onDelivered = (topic: string, sizeBytes: number): void => this.#stats.delivered(topic, sizeBytes)
    this.#schedule = new Schedule({ ...options, onDelivered })
    this.#clients = new ClientTable(options)
  }

  get address(): Broker['address'] {
    return opened(this.#server).address
  }

  get fastAddress(): Broker['fastAddress'] {
    return this.#fastServer?.address
  }

  get store(): Store {
    return opened(this.#store)
  }

  get parts(): BrokerParts {
    return opened(this.#parts)
  }

  get waitOverrideCount(): number {
    return this.#sendPath?.waitOverrideCount ?? 0
  }

  async start(): Promise<void> {
    const { settings, log } = this.#options
    await this.#openStore()
    await this.#listen()
    this.#startRegistration()
    log.info('broker.started', {
      broker: settings.brokerName,
      cluster: settings.brokerClusterName,
      address: `${this.address.host}:${this.address.port}`,
      topics: this.#topics.size,
    })
  }

  async #openStore(): Promise<void> {
    const { settings, disk, clock, log } = this.#options
    const tables = [this.#topics, this.#groups, this.#offsets, this.#schedule]
    const store = await openStore({ disk, options: storeOptions(settings), tables, clock, log })
    this.#store = store
    for (const table of tables) table.attach(store)
    store.onFailure((error) => this.#fail(error))
    store.onArrival('long polls', (arrival) => this.#longPolls.arrived(arrival))
    await Promise.all([this.#topics.ensureSystemTopics(), this.#groups.ensureSystemGroups()])
  }

  async #listen(): Promise<void> {
    const { settings, hasFastPort } = this.#options
    const onBug = (error: Error): void => this.#fail(error)
    const dispatcher = newDispatcher(this.#options.log, onBug)
    this.#server = await this.#listenOn(settings.listenPort, dispatcher)
    // No connection is accepted before this turn ends: the tables below are full when the first request comes.
    const parts = this.#makeParts(this.#server.address.port)
    const sendPath = new SendPath(parts)
    fillDispatcher(dispatcher, parts, { sendPath, servesPulls: true })
    this.#parts = parts
    this.#sendPath = sendPath
    if (hasFastPort !== true) return
    const fast = newDispatcher(this.#options.log, onBug)
    fillDispatcher(fast, parts, { sendPath, servesPulls: false })
    this.#fastServer = await this.#listenOn(Math.max(0, settings.listenPort - FAST_PORT_DISTANCE), fast)
  }

  #listenOn(port: number, dispatcher: Dispatcher): Promise<RemotingServer> {
    const { settings, log, clock } = this.#options
    return listen({
      host: settings.bindAddress,
      port,
      dispatcher,
      log,
      clock,
      limits: {
        idleTimeoutMs: settings.serverChannelMaxIdleTimeSeconds * 1000,
        connectionsMax: settings.maxConnectionNum,
      },
    })
  }

  #makeParts(port: number): BrokerParts {
    const { settings, disk, clock, random, log } = this.#options
    const storeSettings = this.#options.storeSettings ?? (async () => undefined)
    return {
      settings,
      liveSettings: new LiveSettings({ settings, store: storeSettings, clock }),
      store: this.store,
      disk,
      topics: this.#topics,
      groups: this.#groups,
      offsets: this.#offsets,
      clients: this.#clients,
      queueLocks: this.#queueLocks,
      longPolls: this.#longPolls,
      schedule: this.#schedule,
      stats: this.#stats,
      clock,
      random,
      log,
      storeHost: storeHostOf(settings, port),
      startedAt: clock.now(),
      register: async () => this.#registration?.register(),
    }
  }

  #startRegistration(): void {
    const { settings, log, clock, timer, resolve } = this.#options
    const { port } = this.address
    const caller = new RemotingClient({
      log,
      clock,
      language: JAVA,
      version: OUR_VERSION,
      onDisconnect: (address) => this.#registration?.disconnected(address),
    })
    this.#caller = caller
    this.#registration = new Registration({
      nameservers: settings.namesrvAddr,
      identity: {
        brokerName: settings.brokerName,
        clusterName: settings.brokerClusterName,
        brokerId: settings.brokerId,
        brokerAddr: hostPortText(settings.brokerIP1, port),
        haServerAddr: hostPortText(settings.brokerIP2, settings.haListenPort),
      },
      periodMs: settings.registerNameServerPeriod,
      timeoutMs: settings.registerBrokerTimeoutMills,
      topics: this.#topics,
      permission: () => settings.brokerPermission,
      caller,
      resolve: resolve ?? resolveHost,
      log,
      monotonicMs: () => clock.monotonicMs(),
      timer,
    })
    this.#topics.onChange(() => this.#registration?.changed())
    // Not waited for: a broker whose nameservers are away serves those who know its address.
    void this.#registration.register()
  }

  tick(now: Timestamp): void {
    if (this.#stopping !== undefined) return
    const nowMs = this.#options.clock.monotonicMs()
    this.#store?.tick(now)
    this.#schedule.tick(now)
    this.#longPolls.tick(nowMs)
    this.#clients.tick(nowMs)
    this.#offsets.tick(nowMs)
    this.#registration?.tick(nowMs)
    if (nowMs < this.#slowTickAtMs) return
    this.#slowTickAtMs = nowMs + SLOW_TICK_MS
    this.#server?.tick(now)
    this.#fastServer?.tick(now)
    this.#caller?.tick(now)
    this.#queueLocks.tick(nowMs)
    this.#stats.tick(now)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#close(this.#options.settings.shutdownWaitTimeSeconds * 1000)
    return this.#stopping
  }

  async #close(graceMs: number): Promise<void> {
    const { log } = this.#options
    log.info('broker.stopping', { broker: this.#options.settings.brokerName })
    await this.#registration?.stop()
    this.#longPolls.close()
    // The pulls that were parked are answered in this turn; closing does not wait for pulls.
    await new Promise(setImmediate)
    await Promise.all([this.#server?.close({ graceMs }), this.#fastServer?.close({ graceMs })])
    await this.#schedule.stop()
    if (this.#failure === undefined && this.#store !== undefined) await this.#offsets.flush()
    this.#caller?.close()
    await this.#store?.close()
    log.info('broker.stopped', { broker: this.#options.settings.brokerName })
  }

  /** Called when going on would break a promise: sends that wait are answered 14 by the store's own error. */
  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#options.log.error('broker.failed', { reason: error.message, stack: error.stack })
    const report = (): void => this.#options.onFailure(error)
    this.#stopping ??= this.#close(FAILURE_GRACE_MS)
    this.#stopping.then(report, report)
  }
}

/** Java clients up to 4.4 send to the main port less this. */
const FAST_PORT_DISTANCE = 2

/** A part that is there from start() to stop(). */
function opened<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the broker is not started')
  return part
}

/**
 * What records and offset message ids say of their broker. A host name or "any address" cannot be written there: then it is
 * the first address of the machine, in a pod the pod's.
 */
function storeHostOf(settings: BrokerSettings, port: number): HostBytes {
  for (const host of [settings.brokerIP1, settings.brokerIP2, settings.bindAddress]) {
    const bytes = isAnyAddress(host) ? undefined : hostBytes(host, port)
    if (bytes !== undefined) return bytes
  }
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find((address) => !address.internal && address.family === 'IPv4')
  const bytes = hostBytes(outside?.address ?? '127.0.0.1', port)
  assert(bytes !== undefined, 'the system names its interfaces by addresses')
  return bytes
}

const isAnyAddress = (host: string): boolean => host === '0.0.0.0' || host === '::'

const hostPortText = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

const resolveHost = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address)
