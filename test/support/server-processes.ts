import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { ask } from './ask.ts'

/** Whose servers: this project's, or Apache RocketMQ's from the shared folder, to check a suite against the original. */
export type Maker = 'ours' | 'java'

export type ServerProcess = {
  readonly maker: Maker
  readonly pid: number
  /** 127.0.0.1:port */
  readonly address: string
  /** Standard output and error of the process. */
  readonly logFile: string
  /** An orderly stop; waits until the process is gone. */
  stop(): Promise<void>
  /** kill -9; waits until the process is gone. */
  kill(): Promise<void>
}

const checkout = join(import.meta.dirname, '..', '..')

/** The folder with the Java tools: ROCKETCLUSTER_SHARED, or shared/ beside the checkout. */
export function javaTools(): string {
  const places = [process.env.ROCKETCLUSTER_SHARED, join(checkout, '..', 'shared')]
  for (const place of places) if (place && existsSync(join(place, 'java', 'run'))) return join(place, 'java')
  throw new Error(
    `no java/run under ${places.filter(Boolean).join(' or ')}: set ROCKETCLUSTER_SHARED to the folder that has it`,
  )
}

/** A port p such that p + each offset is free, below the range that the kernel hands out by itself. */
export async function freePort(offsets: readonly number[] = [0]): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = 15000 + Math.floor(Math.random() * 8000) * 2
    const held: Server[] = []
    try {
      for (const offset of offsets) held.push(await listen(port + offset))
      return port
    } catch {
      // Taken: try another one.
    } finally {
      await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
    }
  }
  throw new Error('no free port found')
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

const live = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of live) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

type Start = {
  readonly maker: Maker
  /** Place of configuration, log and (for the broker) the store; made when missing. */
  readonly folder: string
  readonly properties?: Readonly<Record<string, string | number>>
  readonly env?: Readonly<Record<string, string>>
}

export async function startNameserver(start: Start & { readonly port?: number }): Promise<ServerProcess> {
  const port = start.port ?? (await freePort())
  const properties = {
    listenPort: port,
    ...(start.maker === 'ours' ? OURS_NAMESERVER : {}),
    ...start.properties,
  }
  const server = launch('namesrv', start, properties, `127.0.0.1:${port}`, [])
  await untilUp(server, async () => (await ask(server.address, 206, {})).code === 0)
  return server
}

/** Starts a broker and waits until its nameserver has the route of its default topic. */
export async function startBroker(
  start: Start & {
    readonly namesrvAddr: string
    readonly name?: string
    /** Keep the port of an earlier start, so that ids and routes stay valid. */
    readonly port?: number
  },
): Promise<ServerProcess> {
  const port = start.port ?? (await freePort([0, -2, 1]))
  const store = join(start.folder, 'store')
  mkdirSync(store, { recursive: true })
  const properties = {
    brokerClusterName: 'DefaultCluster',
    brokerName: start.name ?? 'broker-a',
    brokerId: 0,
    brokerIP1: '127.0.0.1',
    listenPort: port,
    haListenPort: port + 1,
    namesrvAddr: start.namesrvAddr,
    brokerRole: 'ASYNC_MASTER',
    flushDiskType: 'ASYNC_FLUSH',
    autoCreateTopicEnable: 'true',
    storePathRootDir: store,
    storePathCommitLog: join(store, 'commitlog'),
    diskMaxUsedSpaceRatio: 95,
    // The index of a fresh store is 420 MB otherwise.
    maxHashSlotNum: 500_000,
    maxIndexNum: 2_000_000,
    ...(start.maker === 'ours' ? OURS_BROKER : JAVA_BROKER),
    ...start.properties,
  }
  const server = launch('broker', start, properties, `127.0.0.1:${port}`, ['-n', start.namesrvAddr])
  await untilUp(server, async () => {
    const route = await ask(start.namesrvAddr, 105, { topic: 'TBW102' })
    return route.code === 0 && route.body.includes(`127.0.0.1:${port}`)
  })
  return server
}

/** What only our servers know: no metrics port, because a test may run beside another one. */
const OURS_NAMESERVER = { metricsPort: 0 }
const OURS_BROKER = { metricsPort: 0 }

/** A cold JVM on a shared machine otherwise refuses sends that waited 200 ms for a thread. */
const JAVA_BROKER = { waitTimeMillsInSendQueue: 10_000, waitTimeMillsInPullQueue: 20_000 }

function launch(
  role: 'namesrv' | 'broker',
  start: Start,
  properties: Readonly<Record<string, string | number>>,
  address: string,
  args: readonly string[],
): ServerProcess {
  mkdirSync(start.folder, { recursive: true })
  const config = join(start.folder, `${role}.conf`)
  writeFileSync(
    config,
    Object.entries(properties).reduce((text, [key, value]) => `${text}${key}=${value}\n`, ''),
  )
  const logFile = join(start.folder, `${role}.out`)
  const out = openSync(logFile, 'a')
  const isOurs = start.maker === 'ours'
  const command = isOurs ? join(checkout, 'bin', `mq${role}`) : join(javaTools(), 'run')
  const child = spawn(command, [...(isOurs ? [] : [role]), '-c', config, ...args], {
    stdio: ['ignore', out, out],
    // RMQ_STATE: user.home, logs and ROCKETMQ_HOME of a Java server; two of them must not share it.
    env: { ...process.env, RMQ_STATE: join(start.folder, `${role}-state`), ...start.env },
  })
  live.add(child)
  let isGone = false
  const gone = new Promise<void>((resolve) => {
    const end = (): void => {
      isGone = true
      live.delete(child)
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
  const end = async (signal: NodeJS.Signals, limitMs: number): Promise<void> => {
    if (isGone) return gone
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
    await gone
    clearTimeout(timer)
  }
  return {
    maker: start.maker,
    pid: child.pid ?? 0,
    address,
    logFile,
    stop: () => end('SIGTERM', 60_000),
    kill: () => end('SIGKILL', 5000),
  }
}

async function untilUp(server: ServerProcess, answers: () => Promise<boolean>): Promise<void> {
  const giveUp = Date.now() + 120_000
  for (;;) {
    try {
      if (await answers()) return
    } catch {
      // Not listening yet.
    }
    if (!isAlive(server.pid) || Date.now() > giveUp) {
      const tail = readFileSync(server.logFile, 'utf8').split('\n').slice(-30).join('\n')
      throw new Error(`${server.maker} server did not start; the end of ${server.logFile}:\n${tail}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
