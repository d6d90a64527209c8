import { didYouMean } from '../settings/nearest.ts'
import { parseOptions, UsageError, wholeNumber } from './command-line.ts'
import { reportAndExit } from './server-run.ts'

const name = 'tools'
const PREFIX = 'org.apache.rocketmq.example.'
const DEFAULT_NAMESRV_ADDR = '127.0.0.1:9876'
const DEFAULT_TOPIC = 'TopicTest'

interface Options {
  readonly namesrvAddr: string
  readonly topic: string
  readonly count: number | undefined
  readonly print: (line: string) => void
  readonly signal: AbortSignal
}

interface Program {
  readonly what: string
  run(options: Options): Promise<void>
}

/** Class names of RocketMQ's examples without the common prefix. Each program is loaded when it is asked for. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  'quickstart.Producer': {
    what: 'sends messages (1000, or -c) and prints each result',
    run: async ({ count = 1000, ...options }) => {
      const { quickstartProducer } = await import('../examples/quickstart-producer.ts')
      await quickstartProducer({ ...options, count })
    },
  },
  'quickstart.Consumer': {
    what: 'prints every message until Ctrl-C, or until -c messages came',
    run: async ({ count = 0, ...options }) => {
      const { quickstartConsumer } = await import('../examples/quickstart-consumer.ts')
      await quickstartConsumer({ ...options, count })
    },
  },
}

const HELP = `tools: small programs to try a cluster with, by the class names of RocketMQ's examples

  tools ${PREFIX}quickstart.Producer
  tools quickstart.Consumer

${Object.entries(PROGRAMS)
  .map(([program, { what }]) => `  ${program.padEnd(22)}${what}`)
  .join('\n')}

  -n, --namesrvAddr LIST  nameservers (default: NAMESRV_ADDR, else ${DEFAULT_NAMESRV_ADDR})
  -t, --topic TOPIC       topic (default: ${DEFAULT_TOPIC})
  -c, --count N           how many messages
  -h, --help`

async function main(): Promise<void> {
  const { positionals, values } = parseOptions(process.argv.slice(2), {
    namesrvAddr: { type: 'string', short: 'n' },
    topic: { type: 'string', short: 't', default: DEFAULT_TOPIC },
    count: { type: 'string', short: 'c' },
    help: { type: 'boolean', short: 'h' },
  })
  const [asked, ...more] = positionals
  if (values.help === true || asked === undefined) return console.log(HELP)
  const short = asked.startsWith(PREFIX) ? asked.slice(PREFIX.length) : asked
  const program = Object.hasOwn(PROGRAMS, short) ? PROGRAMS[short] : undefined
  if (program === undefined)
    throw new UsageError(`unknown program ${asked}${didYouMean(short, Object.keys(PROGRAMS))}`)
  if (more.length > 0) throw new UsageError(`one program, not ${positionals.join(' and ')}`)
  const { count } = values

  const { NAMESRV_ADDR, NAMESRV_ADDRESS } = process.env
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  process.stdout.on('error', () => process.exit(0))
  await program.run({
    namesrvAddr: values.namesrvAddr ?? (NAMESRV_ADDR || NAMESRV_ADDRESS || DEFAULT_NAMESRV_ADDR),
    topic: values.topic,
    count: count === undefined ? undefined : wholeNumber('--count', count, { min: 1, max: 1e9 }),
    print: (line) => console.log(line),
    signal: stop.signal,
  })
}

main().catch((error: unknown) => reportAndExit(name, error))
