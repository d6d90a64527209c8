import { parseArgs } from 'node:util'
import { connect } from '../client/client.ts'
import { Latencies } from './latency.ts'
import { cpuSeconds, pidOfPort } from './process-cpu.ts'

const HELP = `usage: benchmark/consume [options]
  -n, --namesrvAddr HOST:PORT  nameserver (NAMESRV_ADDR, else 127.0.0.1:9876)
  -t, --topic NAME             topic (BenchmarkTest)
  -g, --group NAME             consumer group (a new one)
  -w, --concurrency N          messages handled at the same time (20)
  -e, --tags EXPRESSION        tag filter (*)
  -q, --quantity N             stop after this many messages; 0 = after --seconds (0)
      --seconds N              limit of time (15; with --quantity 600)
      --last                   start at the end of the queues, not at their beginning
      --pull-batch N           messages per pull (32)
      --broker-pid PID         whose processor time to count (found by its port when it is local)
      --json                   print one JSON object only
  -h, --help`

const { values } = parseArgs({
  options: {
    namesrvAddr: { type: 'string', short: 'n' },
    topic: { type: 'string', short: 't', default: 'BenchmarkTest' },
    group: { type: 'string', short: 'g' },
    concurrency: { type: 'string', short: 'w', default: '20' },
    tags: { type: 'string', short: 'e', default: '*' },
    quantity: { type: 'string', short: 'q', default: '0' },
    seconds: { type: 'string' },
    last: { type: 'boolean', default: false },
    'pull-batch': { type: 'string', default: '32' },
    'broker-pid': { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}

const quantity = Number(values.quantity)
const limitS = Number(values.seconds ?? (quantity > 0 ? 600 : 15))
const say = (line: string): void => {
  if (!values.json) console.log(line)
}
const client = connect({ nameservers: values.namesrvAddr ?? process.env.NAMESRV_ADDR ?? '127.0.0.1:9876' })
const latencies = new Latencies()
let received = 0
let bytes = 0
let again = 0
let firstAt = 0
let lastAt = 0
let brokerPid = values['broker-pid'] ? Number(values['broker-pid']) : undefined
let cpuBefore = 0
const { promise: enough, resolve: stop } = Promise.withResolvers<void>()

const consumer = await client.pushConsumer({
  group: values.group ?? `benchmark_consumer_${process.pid}_${Date.now()}`,
  subscriptions: { [values.topic]: values.tags },
  from: values.last ? 'last' : 'first',
  concurrency: Number(values.concurrency),
  pullBatchSize: Number(values['pull-batch']),
  onMessage: (message) => {
    lastAt = performance.now()
    if (received === 0) {
      firstAt = lastAt
      brokerPid ??= pidOfPort(Number.parseInt(message.offsetMessageId.slice(-24, -16), 16))
      cpuBefore = brokerPid ? cpuSeconds(brokerPid) : 0
    }
    received++
    bytes += message.body.length
    if (message.reconsumeTimes > 0) again++
    latencies.add((Date.now() - message.storeTimestamp) * 1000)
    if (received === quantity) stop()
  },
})
say(`group ${consumer.group}, ${consumer.queues.length} queues`)
let shown = 0
const progress = setInterval(() => {
  say(`  ${(received - shown).toLocaleString('en')} msg/s`)
  shown = received
}, 1000)
const ownBefore = process.cpuUsage()
const limit = setTimeout(stop, limitS * 1000)
await enough
clearInterval(progress)
clearTimeout(limit)
const own = process.cpuUsage(ownBefore)
const elapsedS = Math.max(0.001, (lastAt - firstAt) / 1000)
const report = {
  benchmark: 'consume',
  topic: values.topic,
  seconds: Number(elapsedS.toFixed(2)),
  messages: received,
  redelivered: again,
  messagesPerSecond: Math.round(received / elapsedS),
  megabytesPerSecond: Number((bytes / elapsedS / 1e6).toFixed(1)),
  sinceStoredUs: latencies.summary(),
  brokerUsPerMessage:
    brokerPid && received
      ? Number((((cpuSeconds(brokerPid) - cpuBefore) * 1e6) / received).toFixed(2))
      : undefined,
  clientUsPerMessage: received ? Number(((own.user + own.system) / received).toFixed(2)) : undefined,
}
if (values.json) console.log(JSON.stringify(report))
else {
  say(
    `${report.messagesPerSecond.toLocaleString('en')} msg/s, ${report.megabytesPerSecond} MB/s, ${received} messages in ${report.seconds} s, redelivered ${again}`,
  )
  say(
    `processor µs per message: broker ${report.brokerUsPerMessage ?? 'unknown'}, this client ${report.clientUsPerMessage ?? 'unknown'}`,
  )
}
await client.close()
process.exit(quantity > 0 && received < quantity ? 1 : 0)
