import { portOwner } from '../remoting/port-owner.ts'
import { didYouMean } from '../settings/nearest.ts'
import { parseOptions, UsageError, wholeNumber } from './command-line.ts'
import { findProcesses, isAlive } from './processes.ts'
import { EXIT_FAILED, reportAndExit } from './server-run.ts'

const name = 'mqshutdown'
const HELP = `mqshutdown: stops the nameservers or brokers of this user, and waits until they are gone

  mqshutdown broker
  mqshutdown namesrv
  mqshutdown broker --port 10911

      --port PORT  only the one that listens on PORT
      --wait S     seconds to wait (60)
  -h, --help`

const PROGRAMS: Readonly<Record<string, string>> = { broker: 'broker', namesrv: 'nameserver' }
const LOOK_AGAIN_MS = 50

async function main(): Promise<void> {
  const { positionals, values } = parseOptions(process.argv.slice(2), {
    port: { type: 'string' },
    wait: { type: 'string', default: '60' },
    help: { type: 'boolean', short: 'h' },
  })
  if (values.help === true) return console.log(HELP)
  const [what = '', ...more] = positionals
  const program = Object.hasOwn(PROGRAMS, what) ? PROGRAMS[what] : undefined
  if (program === undefined || more.length > 0)
    throw new UsageError(
      `what to stop: broker or namesrv${what === '' ? '' : didYouMean(what, Object.keys(PROGRAMS))}`,
    )
  const waitS = wholeNumber('--wait', values.wait, { min: 0, max: 86_400 })
  const port =
    values.port === undefined ? undefined : wholeNumber('--port', values.port, { min: 1, max: 65_535 })

  const owner = port === undefined ? undefined : portOwner(port)
  const pids = findProcesses(program)
    .map(({ pid }) => pid)
    .filter((pid) => port === undefined || owner?.endsWith(`(pid ${pid})`) === true)
  if (pids.length === 0) {
    console.error(`No ${what} of this user is running${port === undefined ? '' : ` on port ${port}`}.`)
    process.exit(EXIT_FAILED)
  }
  for (const pid of pids) {
    console.log(`The ${what} (${pid}) is running, asked it to stop...`)
    process.kill(pid, 'SIGTERM')
  }
  await untilGone(what, pids, waitS)
}

async function untilGone(what: string, pids: readonly number[], waitS: number): Promise<void> {
  const started = performance.now()
  let left = pids
  while (left.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    const seconds = (performance.now() - started) / 1000
    for (const pid of left)
      if (!isAlive(pid)) console.log(`The ${what} (${pid}) stopped after ${seconds.toFixed(1)} s.`)
    left = left.filter(isAlive)
    if (seconds > waitS && left.length > 0) {
      console.error(
        `Still running after ${waitS} s: ${left.join(', ')}. What it waits for stands in its log.`,
      )
      process.exit(EXIT_FAILED)
    }
  }
}

main().catch((error: unknown) => reportAndExit(name, error))
