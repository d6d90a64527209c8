import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { systemTimer } from '../base/timer.ts'
import { PORT_BASE_MAX, portsFrom, usualPorts } from '../local/layout.ts'
import { UpError, up } from '../local/up.ts'
import { clusterInfoBody } from '../remoting/bodies/cluster-info.ts'
import { RemotingClient } from '../remoting/client.ts'
import { getBrokerClusterInfo } from '../remoting/requests/get-broker-cluster-info.ts'
import { parseOptions, UsageError, wholeNumber } from './command-line.ts'
import { ownerOf } from './processes.ts'
import { EXIT_FAILED } from './server-run.ts'

const HELP = `rocketcluster up: runs the cluster of a manifest on this machine, in the foreground

  rocketcluster up
  rocketcluster up -f examples/multi-master.yaml

  -f, --file FILE    RocketCluster manifest (default: examples/single-master.yaml)
      --data DIR     folder of this cluster's data (default: data/<name of the cluster>)
      --port-base N  nameservers listen on N, N+1 ..., brokers on N+100, N+110 ...
                     (default: RocketMQ's ports, 9876, 9877 ... and 10911, 10921 ...)
  -h, --help

Everything listens on loopback. Ctrl-C stops all in order, a second Ctrl-C at once; the data stays.`

const ROOT = join(import.meta.dirname, '..')
const DEFAULT_MANIFEST = join(ROOT, 'examples', 'single-master.yaml')
const ASK_TIMEOUT_MS = 2000

export async function upCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    file: { type: 'string', short: 'f' },
    data: { type: 'string' },
    'port-base': { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  })
  if (values.help === true) return console.log(HELP)
  if (positionals.length > 0)
    throw new UsageError(`unknown argument ${positionals[0]}; a manifest is given with -f ${positionals[0]}`)
  const base = values['port-base']
  const ports =
    base === undefined
      ? usualPorts
      : portsFrom(wholeNumber('--port-base', base, { min: 1, max: PORT_BASE_MAX }))
  const manifest = values.file ?? DEFAULT_MANIFEST
  const { stop, force } = signals()
  const code = await up({
    manifestName: fromHere(manifest),
    manifestText: readManifest(manifest),
    dataFolder: values.data,
    ports,
    programFile: (program) => firstOf(join(ROOT, 'bin', `${program}.ts`), join(ROOT, 'bin', `${program}.js`)),
    ownerOf,
    brokersAt,
    commandPrefix: commandPrefix(),
    print: (line) => console.log(line),
    clock: systemClock,
    timer: systemTimer,
    random: Math.random,
    stop,
    force,
  }).catch((error: unknown) => {
    if (!(error instanceof UpError)) throw error
    for (const line of error.message.split('\n')) console.error(line)
    return EXIT_FAILED
  })
  process.exit(code)
}

/** Broker names that a nameserver knows. */
async function brokersAt(nameserver: string): Promise<ReadonlySet<string>> {
  const client = new RemotingClient({ log: silentLog, clock: systemClock })
  try {
    const { body } = await client.call(nameserver, getBrokerClusterInfo, {}, { timeoutMs: ASK_TIMEOUT_MS })
    return new Set(Object.keys(clusterInfoBody.decode(body).brokerAddrTable ?? {}))
  } finally {
    client.close()
  }
}

/** The first signal stops in order, the second at once. The end of the terminal session is a signal, except under nohup. */
function signals(): { readonly stop: AbortSignal; readonly force: AbortSignal } {
  const stop = new AbortController()
  const force = new AbortController()
  const onSignal = (): void => (stop.signal.aborted ? force : stop).abort()
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  process.on('SIGHUP', process.env.ROCKETCLUSTER_NOHUP === '1' ? () => undefined : onSignal)
  // Who reads our output may end before us; the cluster goes on.
  process.stdout.on('error', () => undefined)
  return { stop: stop.signal, force: force.signal }
}

function readManifest(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ENOENT') throw new UsageError(`cannot read ${path}: there is no such file`)
    if (code === 'EISDIR') throw new UsageError(`cannot read ${path}: it is a folder`)
    throw error
  }
}

const firstOf = (a: string, b: string): string => (existsSync(a) ? a : b)

function fromHere(path: string): string {
  const text = relative('', path)
  return text.startsWith('..') ? path : text
}

/** In a checkout the commands stand in bin/; where the package is installed they are on PATH. */
function commandPrefix(): string {
  const path = relative('', join(ROOT, 'bin'))
  if (path === 'bin') return 'bin/'
  return ROOT.includes('node_modules') ? '' : `${join(ROOT, 'bin')}/`
}
