import type { TestContext } from 'node:test'
import { type Clock, systemClock } from '../../base/clock.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { type Client, type ClientOptions, connect } from '../../client/client.ts'
import { type Nameserver, startNameserver } from '../../nameserver/nameserver.ts'
import { loadSettings } from '../../settings/load.ts'
import { nameserverKeySet } from '../../settings/nameserver.ts'
import type { Disk } from '../../store/disk.ts'
import { startTestBroker, type TestBroker, temporaryFolder, until } from './broker-fixture.ts'

export interface WholeCluster {
  readonly nameservers: string
  readonly nameserver: Nameserver
  readonly brokers: readonly TestBroker[]
  /** A client that is closed with the test. */
  client(options?: Partial<ClientOptions>): Client
  /** A tick of all servers beside those that come by themselves. */
  tick(): void
  /** Stops a broker and starts it again on the same folder and port. */
  restartBroker(index?: number): Promise<void>
}

/** A nameserver and brokers in this process, over real sockets and files. Gone when the test ends. */
export async function startWholeCluster(
  t: TestContext,
  options: {
    readonly brokers?: number
    /** Lines of broker.conf and namesrv.conf. */
    readonly text?: string
    readonly nameserverText?: string
    /** Of the servers; clients have the system's. */
    readonly clock?: Clock
    readonly log?: Log
    readonly disk?: Disk
  } = {},
): Promise<WholeCluster> {
  const { settings } = loadSettings(nameserverKeySet, {
    files: [
      { name: 'test.conf', text: 'listenPort=0\nbindAddress=127.0.0.1' },
      { name: 'more.conf', text: options.nameserverText ?? '' },
    ],
    environment: {},
    commandLine: [],
    surroundings: { hostName: 'test-host', homeFolder: '/nowhere', firstAddress: '127.0.0.1' },
  })
  const clock = options.clock ?? systemClock
  const log = options.log ?? silentLog
  const nameserver = await startNameserver({
    settings,
    storeSettings: async () => undefined,
    kvStorage: { read: async () => undefined, write: async () => undefined },
    clock,
    log,
  })
  const ticking = setInterval(() => nameserver.tick(clock.now()), 100)
  const stopNameserver = async (): Promise<void> => {
    clearInterval(ticking)
    await nameserver.stop()
  }
  const nameservers = `127.0.0.1:${nameserver.address.port}`
  const folders = await Promise.all(Array.from({ length: options.brokers ?? 1 }, () => temporaryFolder()))
  const start = (index: number, port = 0): Promise<TestBroker> =>
    startTestBroker(t, {
      folder: folders[index] ?? '',
      clock,
      log,
      ...(options.disk === undefined ? {} : { disk: options.disk }),
      text: [
        `brokerName=broker-${index}`,
        `namesrvAddr=${nameservers}`,
        `listenPort=${port}`,
        options.text ?? '',
      ].join('\n'),
    })
  const brokers = await Promise.all(folders.map((_, index) => start(index))).catch(async (error: unknown) => {
    await stopNameserver()
    throw error
  })
  // After the brokers, which say goodbye to it.
  t.after(stopNameserver)
  const isRouted = (count: number): boolean =>
    [...nameserver.routes.topics.entries()].some(
      ([topic, { queueData }]) => topic === 'BenchmarkTest' && queueData.length === count,
    )
  await until('all brokers are registered', () => isRouted(brokers.length))
  return {
    nameservers,
    nameserver,
    brokers,
    client(clientOptions = {}) {
      const client = connect({ nameservers, ...clientOptions })
      t.after(() => client.close())
      return client
    },
    tick() {
      nameserver.tick(clock.now())
      for (const { broker } of brokers) broker.tick(clock.now())
    },
    async restartBroker(index = 0) {
      const old = brokers[index]
      if (!old) throw new Error(`no broker ${index}`)
      await old.stop()
      brokers[index] = await start(index, Number(old.address.split(':')[1]))
      await until('the broker is registered again', () => isRouted(brokers.length))
    },
  }
}
