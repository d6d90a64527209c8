/**
 * What a nameserver costs: brokers register their topics and go on registering while clients ask for routes at a steady
 * rate; prints latencies from the intended start of each request, memory and processor time. Nameserver, brokers and
 * clients are a process each, so that neither load waits for the other.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../base/clock.ts'
import { crc31 } from '../base/crc32.ts'
import { silentLog } from '../base/log.ts'
import { systemTimer } from '../base/timer.ts'
import { startNameserver } from '../nameserver/nameserver.ts'
import { RemotingClient } from '../remoting/client.ts'
import { getRouteinfoByTopic } from '../remoting/requests/get-routeinfo-by-topic.ts'
import { registerBroker } from '../remoting/requests/register-broker.ts'
import { loadSettings } from '../settings/load.ts'
import { nameserverKeySet } from '../settings/nameserver.ts'
import { Latencies } from './latency.ts'
import { cpuSeconds, residentBytes } from './process-cpu.ts'

const HELP = `usage: node benchmark/nameserver.ts [options]
      --topics N          topics in all (10000)
      --brokers N         broker groups, one master each (10)
      --per-topic N       groups that carry each topic (all)
      --rate N            route requests a second (2000)
      --connections N     connections of clients (50)
      --seconds N         time of the steady load (15)
      --register-every S  seconds between two registrations of a broker, during the load (30)
      --changed PERCENT   registrations during the load that bring a new version and one changed topic (0)
      --json              print one JSON object only
  -h, --help`

const { values } = parseArgs({
  options: {
    topics: { type: 'string', default: '10000' },
    brokers: { type: 'string', default: '10' },
    'per-topic': { type: 'string' },
    rate: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '15' },
    'register-every': { type: 'string', default: '30' },
    changed: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
    serve: { type: 'boolean', default: false },
    ask: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const topicCount = Number(values.topics)
const brokerCount = Number(values.brokers)
const perTopic = Math.min(brokerCount, Number(values['per-topic'] ?? brokerCount))
const timeoutMs = 60_000
/** A frame holds at most 16 MiB; a broker with more topics registers in parts, as enableSplitRegistration does. */
const TOPICS_PER_BODY_MAX = 50_000

const say = (line: string): void => {
  if (!values.json) console.log(line)
}

async function serve(): Promise<void> {
  const { settings } = loadSettings(nameserverKeySet, {
    files: [],
    environment: {},
    commandLine: [{ option: '', key: 'listenPort', text: '0' }],
    surroundings: { hostName: 'localhost', homeFolder: '/nowhere', firstAddress: '127.0.0.1' },
  })
  const nameserver = await startNameserver({
    settings,
    storeSettings: () => Promise.resolve(),
    kvStorage: { read: () => Promise.resolve(undefined), write: () => Promise.resolve() },
    clock: systemClock,
    log: silentLog,
  })
  systemTimer.every(1000, () => nameserver.tick(systemClock.now()))
  const stalls = monitorEventLoopDelay({ resolution: 1 })
  process.send?.({ port: nameserver.address.port })
  process.on('message', (message) => {
    if (message === 'start') {
      stalls.enable()
      return
    }
    process.send?.({
      loopDelayMs: {
        p99: stalls.percentile(99) / 1e6,
        p999: stalls.percentile(99.9) / 1e6,
        max: stalls.max / 1e6,
      },
      registrations: nameserver.registrationCounts,
      placements: nameserver.routes.topics.placementCount,
      cachedBytes: nameserver.answers.keptBytes,
    })
  })
  process.on('disconnect', () => process.exit(0))
}

/** How long the process was ready to run and had no processor: what a busy machine adds to latencies. */
const waitedMs = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1_000_000

const topicName = (at: number): string => `benchmark-topic-${String(at).padStart(7, '0')}`

/** Topic t lies on the brokers t, t + 1, … (perTopic of them, counted around). */
const liesOn = (topic: number, broker: number): boolean =>
  (broker - (topic % brokerCount) + brokerCount) % brokerCount < perTopic

class Broker {
  readonly #client = new RemotingClient({ log: silentLog, clock: systemClock })
  readonly #address: string
  readonly #index: number
  readonly #topics: string[] = []
  #counter = 1
  #bodies: readonly Buffer[] = []

  constructor(address: string, index: number) {
    this.#address = address
    this.#index = index
    for (let topic = 0; topic < topicCount; topic++)
      if (liesOn(topic, index)) this.#topics.push(topicName(topic))
    this.#encode()
  }

  /** Resolves to the milliseconds that the nameserver took. */
  async register(isChanged: boolean): Promise<number> {
    if (isChanged) {
      this.#counter++
      this.#encode()
    }
    const start = performance.now()
    for (const body of this.#bodies) {
      const header = {
        brokerName: `broker-${this.#index}`,
        brokerAddr: `10.${this.#index >> 8}.${this.#index & 255}.1:10911`,
        clusterName: 'BenchmarkCluster',
        haServerAddr: '',
        brokerId: 0,
        enableActingMaster: false,
        bodyCrc32: crc31(body),
      }
      await this.#client.call(this.#address, registerBroker, header, { timeoutMs, body })
    }
    return performance.now() - start
  }

  close(): void {
    this.#client.close()
  }

  #encode(): void {
    const bodies: Buffer[] = []
    for (let from = 0; from < this.#topics.length; from += TOPICS_PER_BODY_MAX)
      bodies.push(this.#encodeBody(this.#topics.slice(from, from + TOPICS_PER_BODY_MAX)))
    this.#bodies = bodies
  }

  /** As a Java broker writes it. */
  #encodeBody(topics: readonly string[]): Buffer {
    const configs = topics.map((name, at) => {
      const perm = at === this.#counter % topics.length ? 4 : 6
      return `"${name}":{"attributes":{},"order":false,"perm":${perm},"readQueueNums":8,"topicFilterType":"SINGLE_TAG","topicName":"${name}","topicSysFlag":0,"writeQueueNums":8}`
    })
    const version = `"dataVersion":{"counter":${this.#counter},"stateVersion":0,"timestamp":1700000000000}`
    return Buffer.from(
      `{"filterServerList":[],"topicConfigSerializeWrapper":{${version},"mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":1700000000000},"topicConfigTable":{${configs.join(',')}},"topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{}}}`,
    )
  }
}

interface RouteLoad {
  readonly routesPerSecond: number
  readonly failures: number
  readonly routeUs: ReturnType<Latencies['summary']>
}

/** Asks at a steady rate, whatever the answers do; latencies count from when a request was due. */
async function askRoutes(address: string, seconds: number): Promise<RouteLoad> {
  const clients = Array.from(
    { length: Number(values.connections) },
    () => new RemotingClient({ log: silentLog, clock: systemClock }),
  )
  const latencies = new Latencies()
  const intervalMs = 1000 / Number(values.rate)
  let failures = 0
  let sent = 0
  let answered = 0
  const ask = async (client: RemotingClient, topic: string, dueAt: number): Promise<void> => {
    try {
      await client.call(address, getRouteinfoByTopic, { topic }, { timeoutMs })
      latencies.add((performance.now() - dueAt) * 1000)
    } catch {
      failures++
    }
    answered++
  }
  const startedAt = performance.now()
  for (let now = startedAt; now - startedAt < seconds * 1000; now = performance.now()) {
    for (; startedAt + sent * intervalMs <= now; sent++) {
      const client = clients[sent % clients.length]
      if (client) void ask(client, topicName((sent * 7919) % topicCount), startedAt + sent * intervalMs)
    }
    await sleep(1)
  }
  while (answered < sent) await sleep(10)
  for (const client of clients) client.close()
  return { routesPerSecond: Math.round(latencies.count / seconds), failures, routeUs: latencies.summary() }
}

/** Warms up, says so, and measures from the next message on. */
async function askAsChild(address: string): Promise<void> {
  await askRoutes(address, 2)
  process.send?.('warm')
  await once(process, 'message')
  const load = await askRoutes(address, Number(values.seconds))
  process.send?.(load)
  process.disconnect?.()
}

async function registerAgain(
  brokers: readonly Broker[],
  seconds: number,
  latencies: Latencies,
): Promise<void> {
  const everyMs = (Number(values['register-every']) * 1000) / brokers.length
  const endAt = performance.now() + seconds * 1000
  for (let at = 0; performance.now() + everyMs < endAt; at++) {
    await sleep(everyMs)
    const isChanged = (at * 37) % 100 < Number(values.changed)
    latencies.add(((await brokers[at % brokers.length]?.register(isChanged)) ?? 0) * 1000)
  }
}

async function main(): Promise<void> {
  const child = fork(import.meta.filename, ['--serve'])
  const pid = child.pid ?? 0
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const address = `127.0.0.1:${port}`
  const idleMb = residentBytes(pid) / 2 ** 20
  say(`nameserver ${pid}: ${idleMb.toFixed(0)} MB with nothing in it`)

  const brokers: Broker[] = []
  const firstStart = performance.now()
  let firstMs = 0
  for (let index = 0; index < brokerCount; index++) {
    const broker = new Broker(address, index)
    brokers.push(broker)
    firstMs += await broker.register(false)
  }
  // Membership changed with every broker, so that the second round is read in full, too.
  for (const broker of brokers) await broker.register(false)
  say(
    `${brokerCount} brokers registered ${topicCount} topics, ${perTopic} brokers each, in ${((performance.now() - firstStart) / 1000).toFixed(1)} s: ${(firstMs / brokerCount).toFixed(1)} ms a registration`,
  )
  await sleep(1000)
  const loadedMb = residentBytes(pid) / 2 ** 20

  const seconds = Number(values.seconds)
  const asker = fork(import.meta.filename, [...process.argv.slice(2), '--ask', address])
  await once(asker, 'message')
  const cpuBefore = cpuSeconds(pid)
  const waitedBefore = waitedMs(pid)
  const registrations = new Latencies()
  asker.send('start')
  child.send('start')
  const loadDone = once(asker, 'message') as Promise<[RouteLoad]>
  await registerAgain(brokers, seconds, registrations)
  const [load] = await loadDone
  const cores = (cpuSeconds(pid) - cpuBefore) / seconds
  child.send('report')
  const [inside] = await once(child, 'message')
  const result = {
    topics: topicCount,
    brokers: brokerCount,
    perTopic,
    ...load,
    registrationUs: registrations.summary(),
    cores: Number(cores.toFixed(3)),
    waitedForProcessorMs: Math.round(waitedMs(pid) - waitedBefore),
    idleMb: Math.round(idleMb),
    loadedMb: Math.round(loadedMb),
    afterLoadMb: Math.round(residentBytes(pid) / 2 ** 20),
    inside,
  }
  if (values.json) console.log(JSON.stringify(result))
  else console.log(result)
  for (const broker of brokers) broker.close()
  child.disconnect()
}

if (values.help) console.log(HELP)
else if (values.serve) await serve()
else if (values.ask) await askAsChild(values.ask)
else await main()
