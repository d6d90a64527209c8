import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { systemTimer } from '../../base/timer.ts'
import { type Broker, type BrokerOptions, startBroker, TICK_INTERVAL_MS } from '../../broker/broker.ts'
import { type RegisterBrokerData, registerBrokerBody } from '../../remoting/bodies/register-broker.ts'
import { RemotingClient } from '../../remoting/client.ts'
import { Dispatcher } from '../../remoting/dispatch.ts'
import { registerBroker } from '../../remoting/requests/register-broker.ts'
import { unregisterBroker } from '../../remoting/requests/unregister-broker.ts'
import { listen } from '../../remoting/server.ts'
import { type BrokerSettings, brokerKeySet } from '../../settings/broker.ts'
import { loadSettings } from '../../settings/load.ts'
import { FileDisk } from '../../store/file-disk.ts'

/** Small files and free ports; `text` are lines of a broker.conf. */
export function testSettings(text = ''): BrokerSettings {
  const small = `
    brokerName=broker-a
    brokerClusterName=TestCluster
    listenPort=0
    haListenPort=0
    metricsPort=0
    mappedFileSizeCommitLog=1048576
    mappedFileSizeConsumeQueue=20000
    maxHashSlotNum=5000
    maxIndexNum=20000
    diskMaxUsedSpaceRatio=95
    diskSpaceCleanForciblyRatio=98
    diskSpaceWarningLevelRatio=100
    maxMessageSize=65536
    shutdownWaitTimeSeconds=2`
  return loadSettings(brokerKeySet, {
    files: [
      { name: 'test.conf', text: small.replace(/^\s+/gm, '') },
      { name: 'more.conf', text },
    ],
    environment: {},
    commandLine: [],
    surroundings: { hostName: 'test-host', homeFolder: '/nowhere', firstAddress: '127.0.0.1' },
  }).settings
}

export interface TestBroker {
  readonly broker: Broker
  readonly address: string
  readonly folder: string
  readonly client: RemotingClient
  /** Stops the broker and closes the client; the folder stays for another start. */
  stop(): Promise<void>
}

const folders: string[] = []
// Not at the end of a test: brokers stop in hooks that come later and still write.
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rocketcluster-broker-'))
  folders.push(folder)
  return folder
}

/** A whole broker over real sockets and files, with a client that speaks to it. Gone when the test ends. */
export async function startTestBroker(
  t: TestContext,
  options: Partial<BrokerOptions> & {
    readonly text?: string
    readonly folder?: string
    readonly log?: Log
  } = {},
): Promise<TestBroker> {
  const folder = options.folder ?? (await temporaryFolder())
  const broker = await startBroker({
    settings: testSettings(options.text),
    disk: await FileDisk.open(folder),
    clock: systemClock,
    timer: systemTimer,
    random: Math.random,
    log: silentLog,
    onFailure: (error) => {
      throw error
    },
    ...options,
  })
  const clock = options.clock ?? systemClock
  const ticking = setInterval(() => broker.tick(clock.now()), TICK_INTERVAL_MS)
  const client = new RemotingClient({ log: silentLog, clock: systemClock })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      clearInterval(ticking)
      client.close()
      await broker.stop()
    })()
    return stopped
  }
  t.after(stop)
  return { broker, address: `127.0.0.1:${broker.address.port}`, folder, client, stop }
}

export interface FakeNameserver {
  readonly address: string
  readonly registered: {
    readonly brokerAddr: string
    readonly data: RegisterBrokerData
    readonly crc: number
  }[]
  readonly unregistered: string[]
  readonly connectionCount: () => number
  close(): Promise<void>
}

/** Takes registrations and remembers them. */
export async function startFakeNameserver(t: TestContext): Promise<FakeNameserver> {
  const registered: FakeNameserver['registered'] = []
  const unregistered: string[] = []
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(registerBroker, ({ header, body }) => {
    registered.push({
      brokerAddr: header.brokerAddr,
      data: registerBrokerBody.decode(body),
      crc: header.bodyCrc32 ?? 0,
    })
    return {}
  })
  dispatcher.on(unregisterBroker, ({ header }) => {
    unregistered.push(header.brokerAddr)
    return {}
  })
  const server = await listen({ host: '127.0.0.1', port: 0, dispatcher, log: silentLog, clock: systemClock })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= server.close({ graceMs: 0 })
    return closed
  }
  t.after(close)
  return {
    address: `127.0.0.1:${server.address.port}`,
    registered,
    unregistered,
    connectionCount: () => server.connections.size,
    close,
  }
}

/** Looks every few milliseconds until it holds; rejects with what was waited for. */
export async function until(what: string, holds: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
