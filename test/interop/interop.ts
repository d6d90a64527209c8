import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type Maker, type ServerProcess, startBroker, startNameserver } from '../support/server-processes.ts'
import { type Client, clients } from './clients.ts'

const USAGE = `usage: test/interop/run [--target ours|java] [--clients LIST] [--count N] [--keep] [SCENARIO ...]
Starts a nameserver and a broker, lets each stock client play its scenarios against them and prints one line each.
  --target    whose servers: ours (default), or java = Apache RocketMQ, to check the suite itself  (INTEROP_TARGET)
  --clients   comma separated, from: ${clients.map((client) => client.name).join(' ')}  (INTEROP_CLIENTS)
  --count     messages of a plain scenario, default 1000  (INTEROP_MESSAGES)
  --keep      keep folders and logs even when all passed
With NAMESRV_ADDR and BROKER_ADDR set, that cluster is used and none is started.`

/** What a scenario program prints, one JSON object a line. */
type Verdict = {
  readonly scenario: string
  readonly sent: number
  readonly received: number
  readonly duplicates: number
  readonly order: number
  readonly seconds: number
  readonly ok: boolean
  readonly wrong: string
  readonly notes: string
}

const CLIENT_LIMIT_MS = 240_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', default: process.env.INTEROP_TARGET ?? 'ours' },
    clients: { type: 'string', default: process.env.INTEROP_CLIENTS ?? '' },
    count: { type: 'string', default: process.env.INTEROP_MESSAGES ?? '1000' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function chosenClients(): readonly Client[] {
  if (values.clients === '') return clients
  return values.clients.split(',').map((name) => {
    const client = clients.find((each) => each.name === name)
    if (!client) throw new Error(`no client ${name}\n${USAGE}`)
    return client
  })
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  if (values.target !== 'ours' && values.target !== 'java') throw new Error(`--target ours or java\n${USAGE}`)
  const chosen = chosenClients()
  for (const client of chosen) {
    console.log(`preparing ${client.name} (${client.version})`)
    client.prepare()
  }
  const folder = mkdtempSync(join(tmpdir(), 'rocketcluster-interop-'))
  const cluster = await startCluster(values.target, folder)
  console.log(`cluster ${cluster.namesrvAddr}, broker ${cluster.brokerAddr}, folder ${folder}\n`)
  let passed = 0
  let failed = 0
  try {
    line('client', 'version', 'scenario', 'sent', 'received', 'duplicates', 'order', 'seconds', '')
    for (const client of chosen) {
      const verdicts = await play(client, cluster, join(folder, client.name))
      passed += verdicts.filter((verdict) => verdict.ok).length
      failed += verdicts.filter((verdict) => !verdict.ok).length
    }
  } finally {
    await cluster.stop()
  }
  if (failed === 0 && !values.keep) rmSync(folder, { recursive: true, force: true })
  else console.log(`\nlogs of servers and clients: ${folder}`)
  console.log(`\n${passed} passed, ${failed} failed`)
  return failed === 0 && passed > 0 ? 0 : 1
}

type Cluster = { readonly namesrvAddr: string; readonly brokerAddr: string; stop(): Promise<void> }

async function startCluster(maker: Maker, folder: string): Promise<Cluster> {
  const { NAMESRV_ADDR, BROKER_ADDR } = process.env
  if (NAMESRV_ADDR && BROKER_ADDR)
    return { namesrvAddr: NAMESRV_ADDR, brokerAddr: BROKER_ADDR, stop: () => Promise.resolve() }
  const started: ServerProcess[] = []
  const nameserver = await startNameserver({ maker, folder })
  started.unshift(nameserver)
  const broker = await startBroker({ maker, folder, namesrvAddr: nameserver.address })
  started.unshift(broker)
  return {
    namesrvAddr: nameserver.address,
    brokerAddr: broker.address,
    async stop() {
      for (const server of started) await server.stop()
    },
  }
}

function play(client: Client, cluster: Cluster, home: string): Promise<readonly Verdict[]> {
  mkdirSync(home, { recursive: true })
  const { argv, env } = client.command(home)
  const [command = '', ...args] = argv
  const child = spawn(command, [...args, ...positionals], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NAMESRV_ADDR: cluster.namesrvAddr,
      BROKER_ADDR: cluster.brokerAddr,
      COUNT: values.count,
      ...env,
    },
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), CLIENT_LIMIT_MS)
  const verdicts: Verdict[] = []
  const rest = createWriteStream(join(home, 'output.txt'))
  child.stderr.pipe(rest, { end: false })
  createInterface({ input: child.stdout }).on('line', (text) => {
    const verdict = parseVerdict(text)
    if (verdict) {
      verdicts.push(verdict)
      show(client, verdict)
    } else rest.write(`${text}\n`)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      rest.end()
      if ((status !== 0 && verdicts.every((verdict) => verdict.ok)) || verdicts.length === 0) {
        const wrong = `ended with ${signal ?? status} after ${verdicts.length} scenarios, see ${join(home, 'output.txt')}`
        const verdict = { scenario: '(program)', sent: 0, received: 0, duplicates: 0, order: 0, seconds: 0 }
        verdicts.push({ ...verdict, ok: false, wrong, notes: '' })
        show(client, verdicts[verdicts.length - 1] as Verdict)
      }
      resolve(verdicts)
    })
  })
}

function parseVerdict(text: string): Verdict | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const parsed = JSON.parse(text) as Partial<Verdict>
    return parsed.scenario === undefined ? undefined : (parsed as Verdict)
  } catch {
    return undefined
  }
}

function show(client: Client, verdict: Verdict): void {
  const { scenario, sent, received, duplicates, order, seconds, ok, wrong, notes } = verdict
  const end = ok ? `ok${notes ? ` (${notes})` : ''}` : `FAILED: ${wrong}${notes ? ` (${notes})` : ''}`
  line(
    client.name,
    client.version.replace(/-.*-/, '-'),
    scenario,
    sent,
    received,
    duplicates,
    order,
    seconds.toFixed(1),
    end,
  )
}

function line(...cells: readonly (string | number)[]): void {
  const widths = [18, 20, 20, 7, 9, 11, 6, 8, 0]
  console.log(
    cells
      .map((cell, i) =>
        i >= 3 && i <= 7 ? String(cell).padStart(widths[i] ?? 0) : String(cell).padEnd(widths[i] ?? 0),
      )
      .join(' '),
  )
}

process.exitCode = await main()
