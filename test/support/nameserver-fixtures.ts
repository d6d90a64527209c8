import { type Clock, systemClock } from '../../base/clock.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { systemTimer } from '../../base/timer.ts'
import type { KvStorage } from '../../nameserver/kv-config.ts'
import { type NameserverLimits, nameserverLimits } from '../../nameserver/limits.ts'
import { type Nameserver, startNameserver } from '../../nameserver/nameserver.ts'
import type { StoreSettings } from '../../nameserver/parts.ts'
import { type RegisteredTopics, type Registration, RouteTable } from '../../nameserver/routes.ts'
import type { TopicQueues } from '../../nameserver/topics.ts'
import { registerBrokerBody } from '../../remoting/bodies/register-broker.ts'
import { RemotingClient } from '../../remoting/client.ts'
import { loadSettings } from '../../settings/load.ts'
import { type NameserverSettings, nameserverKeySet } from '../../settings/nameserver.ts'

/** A master of group broker-a with the given differences. */
export const registration = (changes: Partial<Registration> = {}): Registration => ({
  clusterName: 'C',
  brokerName: 'broker-a',
  brokerAddr: '10.0.0.1:10911',
  brokerId: 0,
  haServerAddr: '10.0.0.1:10912',
  zoneName: undefined,
  enableActingMaster: false,
  heartbeatTimeoutMs: undefined,
  dataVersion: { counter: 1, stateVersion: 0, timestamp: 1000 },
  fingerprint: '1',
  connection: { of: changes.brokerAddr ?? '10.0.0.1:10911' },
  ...changes,
})

export const queues = (topicName: string, changes: Partial<TopicQueues> = {}): TopicQueues => ({
  topicName,
  readQueueNums: 4,
  writeQueueNums: 4,
  perm: 6,
  topicSysFlag: 0,
  ...changes,
})

/** Topics by name with the usual queues. */
export const content = (...topics: readonly (string | TopicQueues)[]): RegisteredTopics => ({
  topics: topics.map((topic) => (typeof topic === 'string' ? queues(topic) : topic)),
  filterServers: [],
  mappings: [],
})

export const routeTable = (changes: Partial<typeof nameserverLimits> = {}): RouteTable =>
  new RouteTable({ ...nameserverLimits, ...changes })

/** `topic on broker-a: 4/4 perm 6` for each entry, in order. */
export function shownRoutes(routes: RouteTable): readonly string[] {
  const lines: string[] = []
  for (const [topic, placement] of routes.topics.entries())
    for (const { brokerName, readQueueNums, writeQueueNums, perm } of placement.queueData)
      lines.push(`${topic} on ${brokerName}: ${readQueueNums}/${writeQueueNums} perm ${perm}`)
  return lines.sort()
}

/** Broker name → id → address. */
export const shownBrokers = (routes: RouteTable): Record<string, Record<string, string>> =>
  Object.fromEntries(
    [...routes.brokers.groups.values()].map((group) => [
      group.brokerName,
      Object.fromEntries([...group.members].map(([id, { brokerAddr }]) => [id, brokerAddr])),
    ]),
  )

export interface RunningNameserver {
  readonly nameserver: Nameserver
  readonly settings: Mutable<NameserverSettings>
  /** host:port */
  readonly address: string
  /** What was stored for the next start, by each change. */
  readonly stored: ReadonlyMap<string, string>[]
  /** Events that were logged as warnings or errors. */
  readonly complaints: readonly string[]
  /** A connection of its own; closed with the nameserver. */
  connect(version?: number): RemotingClient
  stop(): Promise<void>
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface RunOptions {
  readonly settings?: Partial<NameserverSettings>
  readonly clock?: Clock
  readonly kvStorage?: KvStorage
  readonly storeSettings?: StoreSettings
  readonly limits?: Partial<NameserverLimits>
}

/** The real nameserver on a free port of the loopback interface. */
export async function runNameserver(options: RunOptions = {}): Promise<RunningNameserver> {
  const settings = { ...defaultSettings(), ...options.settings }
  const stored: ReadonlyMap<string, string>[] = []
  const complaints: string[] = []
  const clock = options.clock ?? systemClock
  const log: Log = {
    ...silentLog,
    warn: (event) => complaints.push(event),
    error: (event, fields) => complaints.push(`${event} ${JSON.stringify(fields)}`),
  }
  const nameserver = await startNameserver({
    settings,
    storeSettings: async (changed) => {
      await options.storeSettings?.(changed)
      stored.push(changed)
    },
    kvStorage: options.kvStorage ?? memoryStorage(),
    clock,
    log,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
  const clients: RemotingClient[] = []
  // A test that brings its own clock ticks by itself.
  const stopTicking =
    options.clock === undefined ? systemTimer.every(20, () => nameserver.tick(clock.now())) : () => undefined
  const address = `127.0.0.1:${nameserver.address.port}`
  return {
    nameserver,
    settings,
    address,
    stored,
    complaints,
    connect(version) {
      const client = new RemotingClient({
        log: silentLog,
        clock: systemClock,
        ...(version === undefined ? {} : { version }),
      })
      clients.push(client)
      return client
    },
    async stop() {
      stopTicking()
      for (const client of clients) client.close()
      await nameserver.stop()
    },
  }
}

export function memoryStorage(text?: string): KvStorage & { text: string | undefined } {
  return {
    text,
    async read() {
      return this.text
    },
    async write(newText) {
      this.text = newText
    },
  }
}

const defaultSettings = (): Mutable<NameserverSettings> => ({
  ...loadSettings(nameserverKeySet, {
    files: [],
    environment: {},
    commandLine: [],
    surroundings: { hostName: 'host', homeFolder: '/home', firstAddress: '10.0.0.1' },
  }).settings,
  listenPort: 0,
  shutdownWaitTimeSeconds: 1,
})

/** A registration body with these topics as our own broker writes it. */
export function registrationBody(topics: readonly string[], counter = 1, perm = 6): Buffer {
  const topicConfigTable = Object.fromEntries(
    topics.map((topicName) => [
      topicName,
      {
        topicName,
        readQueueNums: 4,
        writeQueueNums: 4,
        perm,
        topicFilterType: 'SINGLE_TAG' as const,
        topicSysFlag: 0,
        order: false,
        attributes: {},
      },
    ]),
  )
  return registerBrokerBody.encode({
    topicConfigSerializeWrapper: {
      dataVersion: { counter, stateVersion: 0, timestamp: 1000 },
      topicConfigTable,
      topicQueueMappingDetailMap: {},
      topicQueueMappingInfoMap: {},
    },
    filterServerList: [],
  })
}

/** Polls until the condition holds; fails after two seconds. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const giveUpAt = systemClock.monotonicMs() + 2000
  while (!holds()) {
    if (systemClock.monotonicMs() > giveUpAt) throw new Error(`${what}: not within two seconds`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
