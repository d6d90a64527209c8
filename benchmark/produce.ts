import { parseArgs } from 'node:util'
import { connect, type OutgoingMessage, type Producer } from '../client/client.ts'
import { Latencies } from './latency.ts'
import { cpuSeconds, pidOfPort } from './process-cpu.ts'

const HELP = `usage: benchmark/produce [options]
  -n, --namesrvAddr HOST:PORT  nameserver (NAMESRV_ADDR, else 127.0.0.1:9876)
  -t, --topic NAME             topic (BenchmarkTest)
  -w, --senders N              sends under way at the same time (64)
  -s, --size BYTES             body size (1024)
  -q, --quantity N             messages to send; 0 = until --seconds (0)
      --seconds N              measured time (15)
      --warmup N               seconds before the measurement (3)
      --batch N                messages per request (1)
      --oneway                 do not wait for answers
      --header json|binary     header form (json)
      --clients N              connections (1)
      --broker-pid PID         whose processor time to count (found by its port when it is local)
      --json                   print one JSON object only
  -h, --help`

const { values } = parseArgs({
  options: {
    namesrvAddr: { type: 'string', short: 'n' },
    topic: { type: 'string', short: 't', default: 'BenchmarkTest' },
    senders: { type: 'string', short: 'w', default: '64' },
    size: { type: 'string', short: 's', default: '1024' },
    quantity: { type: 'string', short: 'q', default: '0' },
    seconds: { type: 'string', default: '15' },
    warmup: { type: 'string', default: '3' },
    batch: { type: 'string', default: '1' },
    oneway: { type: 'boolean', default: false },
    header: { type: 'string', default: 'json' },
    clients: { type: 'string', default: '1' },
    'broker-pid': { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}

const nameservers = values.namesrvAddr ?? process.env.NAMESRV_ADDR ?? '127.0.0.1:9876'
const batchSize = Number(values.batch)
const quantity = Number(values.quantity)
const body = Buffer.alloc(Number(values.size), 'x')
const say = (line: string): void => {
  if (!values.json) console.log(line)
}

const clients = Array.from({ length: Number(values.clients) }, () =>
  connect({ nameservers, headerForm: values.header === 'binary' ? 'binary' : 'json' }),
)
const producers = clients.map((client) => client.producer({ group: 'benchmark_producer', retries: 0 }))

let latencies = new Latencies()
let sent = 0
let failed = 0
let firstFailure: string | undefined
let isMeasuring = false
let isStopped = false

async function sendOnce(producer: Producer): Promise<void> {
  const message: OutgoingMessage = { topic: values.topic, body }
  const startedAt = performance.now()
  try {
    if (values.oneway) await producer.sendOneway(message)
    else if (batchSize > 1) await producer.sendBatch(Array.from({ length: batchSize }, () => message))
    else await producer.send(message)
    sent += batchSize
    if (isMeasuring) latencies.add((performance.now() - startedAt) * 1000)
  } catch (error) {
    failed += batchSize
    firstFailure ??= error instanceof Error ? error.message : String(error)
  }
}

async function sender(producer: Producer): Promise<void> {
  while (!isStopped && (quantity === 0 || sent < quantity)) {
    await sendOnce(producer)
    // One-way sends never wait for an answer: give the socket its turn.
    if (values.oneway) await new Promise((resolve) => setImmediate(resolve))
  }
}

const first = producers[0]
if (!first) throw new Error('--clients must be at least 1')
const { offsetMessageId } = await first.send({ topic: values.topic, body }).catch((error: unknown) => {
  console.error(
    `benchmark/produce: ${error instanceof Error ? error.message : error} (nameserver ${nameservers})`,
  )
  process.exit(1)
})
const brokerPort = Number.parseInt(offsetMessageId.slice(-24, -16), 16)
const brokerPid = values['broker-pid'] ? Number(values['broker-pid']) : pidOfPort(brokerPort)
say(
  `topic ${values.topic}, ${values.senders} senders, ${values.size} bytes, broker port ${brokerPort}, pid ${brokerPid ?? 'unknown'}`,
)

const senders = Array.from({ length: Number(values.senders) }, (_, index) =>
  sender(producers[index % producers.length] ?? first),
)
if (quantity === 0) await new Promise((resolve) => setTimeout(resolve, Number(values.warmup) * 1000))
latencies = new Latencies()
isMeasuring = true
const sentBefore = sent
const failedBefore = failed
const startedAt = performance.now()
const cpuBefore = brokerPid ? cpuSeconds(brokerPid) : 0
const ownBefore = process.cpuUsage()
let shown = sent
const progress = setInterval(() => {
  say(`  ${(sent - shown).toLocaleString('en')} msg/s, failed ${failed}`)
  shown = sent
}, 1000)
if (quantity === 0) {
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1000))
  isStopped = true
}
const elapsedS = (performance.now() - startedAt) / 1000
await Promise.all(senders)
clearInterval(progress)
const measuredS = quantity === 0 ? elapsedS : (performance.now() - startedAt) / 1000
const own = process.cpuUsage(ownBefore)
const messages = sent - sentBefore
const report = {
  benchmark: 'produce',
  topic: values.topic,
  senders: Number(values.senders),
  sizeBytes: body.length,
  batch: batchSize,
  seconds: Number(measuredS.toFixed(2)),
  messages,
  failed: failed - failedBefore,
  messagesPerSecond: Math.round(messages / measuredS),
  latencyUs: latencies.summary(),
  brokerUsPerMessage: brokerPid
    ? Number((((cpuSeconds(brokerPid) - cpuBefore) * 1e6) / messages).toFixed(2))
    : undefined,
  clientUsPerMessage: Number(((own.user + own.system) / messages).toFixed(2)),
  firstFailure,
}
if (values.json) console.log(JSON.stringify(report))
else {
  say(
    `${report.messagesPerSecond.toLocaleString('en')} msg/s over ${report.seconds} s, failed ${report.failed}`,
  )
  say(`latency µs: ${JSON.stringify(report.latencyUs)}`)
  say(
    `processor µs per message: broker ${report.brokerUsPerMessage ?? 'unknown'}, this client ${report.clientUsPerMessage}`,
  )
  if (firstFailure) say(`first failure: ${firstFailure}`)
}
await Promise.all(clients.map((client) => client.close()))
process.exit(failed > failedBefore ? 1 : 0)
