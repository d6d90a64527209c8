import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import {
  freePort,
  javaTools,
  type Maker,
  type ServerProcess,
  startBroker,
  startNameserver,
} from '../test/support/server-processes.ts'

const HELP = `usage: benchmark/compare [options]
Runs the stock Java client of shared/java against the Java broker 5.5.0 and ours in turn and prints medians and ratios.
  -n, --rounds N       rounds; each starts every broker anew, in alternating order (3)
      --seconds N      measured time of each load (15)
      --warmup N       seconds of the same load before it; the Java broker needs about 20 (20)
      --modes LIST     of start, idle, sync, batch, consume (all)
      --flush LIST     of ASYNC_FLUSH, SYNC_FLUSH (both; start, idle and consume are measured with the first only)
      --makers LIST    of java, ours (both)
      --threads N      senders of mode sync (64)
      --batch-threads N  senders of mode batch (64)
      --size BYTES     body size (1024)
      --batch N        messages per request of mode batch (32)
      --count N        messages stored for mode consume, and read (1000000)
      --json FILE      write everything that was measured as JSON
      --keep           keep the folders with stores and logs
  -h, --help
Quiet the machine first: "others" in the JSON says how many cores something else used meanwhile.`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', short: 'n', default: '3' },
    seconds: { type: 'string', default: '15' },
    warmup: { type: 'string', default: '20' },
    modes: { type: 'string', default: 'start,idle,sync,batch,consume' },
    flush: { type: 'string', default: 'ASYNC_FLUSH,SYNC_FLUSH' },
    makers: { type: 'string', default: 'java,ours' },
    threads: { type: 'string', default: '64' },
    'batch-threads': { type: 'string', default: '64' },
    size: { type: 'string', default: '1024' },
    batch: { type: 'string', default: '32' },
    count: { type: 'string', default: '1000000' },
    json: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

type Measure = {
  readonly key: string
  readonly name: string
  readonly unit: string
  readonly digits: number
  /** ours / Java: at least, or at most. */
  readonly target?: readonly ['>=' | '<=', number]
}

/** What load() of a mode yields, and what docs say about it. */
const MEASURES: readonly Measure[] = [
  { key: 'nameserverStartMs', name: 'nameserver: start to first answer', unit: 'ms', digits: 0 },
  { key: 'startMs', name: 'broker: start to first ack', unit: 'ms', digits: 0, target: ['<=', 1 / 5] },
  { key: 'idleMb', name: 'broker: resident when idle', unit: 'MB', digits: 0, target: ['<=', 1 / 3] },
  { key: 'nameserverIdleMb', name: 'nameserver: resident when idle', unit: 'MB', digits: 0 },
  { key: 'idleCpuPercent', name: 'broker: processor when idle', unit: '% of a core', digits: 2 },
  ...(['ASYNC_FLUSH', 'SYNC_FLUSH'] as const).flatMap((flush): Measure[] => [
    {
      key: `${flush} sync.tps`,
      name: `${flush}: single sends`,
      unit: 'msg/s',
      digits: 0,
      target: ['>=', flush === 'ASYNC_FLUSH' ? 2.3 : 2.2],
    },
    { key: `${flush} sync.p50Ms`, name: `${flush}: median of a send`, unit: 'ms', digits: 2 },
    {
      key: `${flush} sync.p99Ms`,
      name: `${flush}: p99 of a send`,
      unit: 'ms',
      digits: 2,
      target: ['<=', 1 / 3],
    },
    { key: `${flush} sync.maxMs`, name: `${flush}: slowest send`, unit: 'ms', digits: 1 },
    {
      key: `${flush} sync.cpuUs`,
      name: `${flush}: broker processor per message`,
      unit: 'µs',
      digits: 1,
      target: ['<=', 1 / 3],
    },
    { key: `${flush} sync.clientUs`, name: `${flush}: client processor per message`, unit: 'µs', digits: 1 },
    {
      key: `${flush} batch.tps`,
      name: `${flush}: sends in batches`,
      unit: 'msg/s',
      digits: 0,
      target: ['>=', 1],
    },
    { key: `${flush} batch.p99Ms`, name: `${flush}: p99 of a batch`, unit: 'ms', digits: 2 },
    {
      key: `${flush} batch.cpuUs`,
      name: `${flush}: broker processor per batched message`,
      unit: 'µs',
      digits: 2,
    },
  ]),
  { key: 'consume.tps', name: 'push consumer catching up', unit: 'msg/s', digits: 0, target: ['>=', 1] },
  { key: 'consume.cpuUs', name: 'broker processor per message pushed', unit: 'µs', digits: 2 },
  // Without the pages of mapped files, which the kernel takes back: a Java broker maps its whole store.
  { key: 'loadedMb', name: 'broker: own memory after the load', unit: 'MB', digits: 0 },
]

type Sample = {
  readonly maker: Maker
  readonly round: number
  readonly values: Record<string, number>
  readonly notes: string[]
}

const wants = (mode: string): boolean => values.modes.split(',').includes(mode)
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function main(): Promise<number> {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const makers = values.makers.split(',') as Maker[]
  const flushes = values.flush.split(',')
  const samples: Sample[] = []
  for (let round = 1; round <= Number(values.rounds); round++)
    for (const maker of round % 2 === 1 ? makers : [...makers].reverse()) {
      const sample: Sample = { maker, round, values: {}, notes: [] }
      for (const flush of flushes) await new Trial(sample, flush, flush === flushes[0]).play()
      samples.push(sample)
    }
  const summary = summarize(samples, makers)
  console.log(table(summary, makers))
  const notes = samples.flatMap((sample) =>
    sample.notes.map((note) => `${sample.maker}, round ${sample.round}: ${note}`),
  )
  for (const note of notes) console.log(note)
  const machine = {
    cpu: cpus()[0]?.model ?? '',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  }
  console.log(
    `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGb} GiB, Linux ${machine.kernel}; medians of ${values.rounds} rounds of ${values.seconds} s`,
  )
  if (values.json)
    writeFileSync(values.json, `${JSON.stringify({ machine, options: values, summary, samples }, null, 2)}\n`)
  return notes.some((note) => note.includes('failed')) ? 1 : 0
}

/** One broker, from start to kill: all loads of one flush type. */
class Trial {
  readonly #sample: Sample
  readonly #flush: string
  readonly #isFirst: boolean
  readonly #folder: string

  constructor(sample: Sample, flush: string, isFirst: boolean) {
    this.#sample = sample
    this.#flush = flush
    this.#isFirst = isFirst
    this.#folder = mkdtempSync(join(tmpdir(), `rocketcluster-compare-${sample.maker}-`))
  }

  async play(): Promise<void> {
    const { maker, round } = this.#sample
    console.log(`round ${round}, ${maker}, ${this.#flush}, ${this.#folder}`)
    const servers: ServerProcess[] = []
    try {
      await this.#play(servers)
    } finally {
      for (const server of servers) await server.kill()
      if (!values.keep) rmSync(this.#folder, { recursive: true, force: true })
    }
  }

  async #play(servers: ServerProcess[]): Promise<void> {
    const { maker } = this.#sample
    const folder = this.#folder
    const namesrvPort = await freePort()
    const port = await freePort([0, -2, 1])
    const probe = this.#isFirst && wants('start') ? await startProbe(namesrvPort, port, folder) : undefined
    const nameserverSince = Date.now()
    const nameserver = await startNameserver({ maker, folder, port: namesrvPort })
    servers.unshift(nameserver)
    const since = Date.now()
    const properties = { flushDiskType: this.#flush, ...(maker === 'java' ? JAVA_DEFAULTS : {}) }
    const broker = await startBroker({ maker, folder, port, namesrvAddr: nameserver.address, properties })
    servers.unshift(broker)
    if (probe) {
      const first = await probe
        .result()
        .catch((error: unknown) => ({ namesrvAnswered: 0, sendOk: 0, problem: String(error) }))
      this.#note('nameserverStartMs', Number(first.namesrvAnswered) - nameserverSince)
      this.#note('startMs', Number(first.sendOk) - since)
    }
    if (this.#isFirst && wants('idle')) await this.#idle(broker, nameserver)
    if (wants('sync')) await this.#sync(broker, nameserver)
    if (wants('batch')) await this.#batch(broker, nameserver)
    if (this.#isFirst && wants('consume')) await this.#consume(broker, nameserver)
    if (this.#isFirst) this.#note('loadedMb', memoryMb(broker.pid, 'RssAnon'))
  }

  #note(key: string, value: number): void {
    this.#sample.values[key] = value
    const measure = MEASURES.find((each) => each.key === key)
    if (measure)
      console.log(`  ${measure.name.padEnd(44)} ${value.toFixed(measure.digits).padStart(9)} ${measure.unit}`)
  }

  async #idle(broker: ServerProcess, nameserver: ServerProcess): Promise<void> {
    await sleep(5000)
    const before = cpuSeconds(broker.pid)
    await sleep(10_000)
    this.#note('idleCpuPercent', (cpuSeconds(broker.pid) - before) * 10)
    this.#note('idleMb', memoryMb(broker.pid, 'VmRSS'))
    this.#note('nameserverIdleMb', memoryMb(nameserver.pid, 'VmRSS'))
  }

  async #sync(broker: ServerProcess, nameserver: ServerProcess): Promise<void> {
    const result = await this.#load(broker, nameserver, [
      'produce',
      '--threads',
      values.threads,
      ...this.#time(),
    ])
    const key = `${this.#flush} sync`
    this.#note(`${key}.tps`, result.tps)
    this.#note(`${key}.p50Ms`, result.latencyUs.p50 / 1000)
    this.#note(`${key}.p99Ms`, result.latencyUs.p99 / 1000)
    this.#note(`${key}.maxMs`, result.latencyUs.max / 1000)
    this.#note(`${key}.cpuUs`, result.cpu.brokerUsPerMsg ?? 0)
    this.#note(`${key}.clientUs`, result.cpu.clientUsPerMsg ?? 0)
  }

  async #batch(broker: ServerProcess, nameserver: ServerProcess): Promise<void> {
    const mode = ['--mode', 'batch', '--batch', values.batch, '--threads', values['batch-threads']]
    const result = await this.#load(broker, nameserver, ['produce', ...mode, ...this.#time()])
    const key = `${this.#flush} batch`
    this.#note(`${key}.tps`, result.tps)
    this.#note(`${key}.p99Ms`, result.latencyUs.p99 / 1000)
    this.#note(`${key}.cpuUs`, result.cpu.brokerUsPerMsg ?? 0)
  }

  async #consume(broker: ServerProcess, nameserver: ServerProcess): Promise<void> {
    const mode = ['--mode', 'batch', '--batch', '32', '--threads', '16', '--topic', 'CompareCatchUp']
    await this.#load(broker, nameserver, ['produce', ...mode, '--size', values.size, '--count', values.count])
    // The first read warms client and broker; the second, by another group, counts.
    const reading = ['consume', '--count', values.count, '--topic', 'CompareCatchUp']
    await this.#load(broker, nameserver, reading)
    const result = await this.#load(broker, nameserver, reading)
    if (result.messages < Number(values.count))
      this.#sample.notes.push(`consume failed: ${result.messages} of ${values.count} messages came`)
    this.#note('consume.tps', result.tps)
    this.#note('consume.cpuUs', result.cpu.brokerUsPerMsg ?? 0)
  }

  #time(): readonly string[] {
    return ['--size', values.size, '--seconds', values.seconds, '--warmup', values.warmup]
  }

  async #load(broker: ServerProcess, nameserver: ServerProcess, args: readonly string[]): Promise<Loaded> {
    const cpu = `broker=${broker.pid},namesrv=${nameserver.pid}`
    const run = startLoad([...args, '--namesrv', nameserver.address, '--cpu', cpu], this.#folder)
    const result = (await run.result()) as Loaded
    if (result.failed > 0)
      this.#sample.notes.push(`${result.failed} sends failed: ${JSON.stringify(result.errors)}`)
    if ((result.cpu.othersCores ?? 0) > 0.15)
      this.#sample.notes.push(
        `${args.slice(0, 3).join(' ')}: something else used ${result.cpu.othersCores} cores`,
      )
    return result
  }
}

/** The defaults of RocketMQ, where startBroker() is more patient for the sake of tests. */
const JAVA_DEFAULTS = { waitTimeMillsInSendQueue: 200, waitTimeMillsInPullQueue: 5000 }

type Loaded = {
  readonly tps: number
  readonly messages: number
  readonly failed: number
  readonly errors?: Record<string, number>
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly cpu: {
    readonly brokerUsPerMsg?: number
    readonly clientUsPerMsg?: number
    readonly othersCores?: number
  }
}

type Load = {
  readonly child: ChildProcess
  ready(): Promise<void>
  result(): Promise<Record<string, unknown>>
}

/** One run of the Java load client; its last line is a JSON object. */
function startLoad(args: readonly string[], folder: string): Load {
  const state = join(folder, 'client-state')
  mkdirSync(state, { recursive: true })
  const child = spawn(join(javaTools(), 'run'), ['load', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, RMQ_STATE: state },
  })
  const lines: string[] = []
  let begin = (): void => undefined
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (line.includes('"probe":"ready"')) begin()
    })
  const ended = new Promise<Record<string, unknown>>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => {
      const last = lines.at(-1) ?? ''
      if (status === 0 && last.startsWith('{')) resolve(JSON.parse(last) as Record<string, unknown>)
      else reject(new Error(`load ${args.join(' ')} ended with ${status}:\n${lines.slice(-20).join('\n')}`))
    })
  })
  ended.catch(() => undefined)
  return { child, ready: () => Promise.race([begun, ended.then(() => undefined)]), result: () => ended }
}

async function startProbe(namesrvPort: number, port: number, folder: string): Promise<Load> {
  const addresses = ['--namesrv', `127.0.0.1:${namesrvPort}`, '--broker', `127.0.0.1:${port}`]
  const probe = startLoad(['probe', ...addresses, '--topic', 'CompareProbe'], folder)
  await probe.ready()
  return probe
}

function memoryMb(pid: number, field: 'VmRSS' | 'RssAnon'): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${field}:`))
  return Number(line?.split(/\s+/)[1] ?? 0) / 1024
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

type Row = {
  readonly measure: Measure
  readonly medians: Partial<Record<Maker, number>>
  readonly ratio?: number
  readonly met?: boolean
}

function summarize(samples: readonly Sample[], makers: readonly Maker[]): readonly Row[] {
  const rows: Row[] = []
  for (const measure of MEASURES) {
    const medians: Partial<Record<Maker, number>> = {}
    for (const maker of makers) {
      const found = samples
        .filter((sample) => sample.maker === maker)
        .flatMap((sample) => sample.values[measure.key] ?? [])
      if (found.length > 0) medians[maker] = median(found)
    }
    if (Object.keys(medians).length === 0) continue
    const { java, ours } = medians
    if (java === undefined || ours === undefined || java === 0) rows.push({ measure, medians })
    else {
      const ratio = ours / java
      const [sign, bound] = measure.target ?? []
      const met = bound === undefined ? {} : { met: sign === '>=' ? ratio >= bound : ratio <= bound }
      rows.push({ measure, medians, ratio, ...met })
    }
  }
  return rows
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = 0, high = 0] =
    sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : [sorted[middle - 1], sorted[middle]]
  return (low + high) / 2
}

function table(rows: readonly Row[], makers: readonly Maker[]): string {
  const heads = [
    '',
    ...makers.map((maker) => (maker === 'java' ? 'Java 5.5.0' : 'RocketCluster')),
    'ratio',
    'target',
  ]
  const cells = rows.map(({ measure, medians, ratio, met }) => [
    `${measure.name}, ${measure.unit}`,
    ...makers.map((maker) => grouped(medians[maker], measure.digits)),
    ratio === undefined ? '' : ratio.toFixed(2),
    targetCell(measure, met),
  ])
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const draw = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return ['', draw(heads), rule, ...cells.map(draw), ''].join('\n')
}

function targetCell({ target }: Measure, met: boolean | undefined): string {
  if (!target) return ''
  const verdict = met === false ? ' MISSED' : ' ok'
  return `${target[0] === '>=' ? '≥' : '≤'} ${target[1].toFixed(2)}${met === undefined ? '' : verdict}`
}

const grouped = (value: number | undefined, digits: number): string =>
  value === undefined ? '' : value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',')

process.exitCode = await main()
