/**
 * What the wire costs: nanoseconds of the codecs, and requests per second and processor time per request of a loopback
 * echo in the shape of a 1 KB send. `node benchmark/remoting.ts [--seconds 3]`; the server runs as a process of its own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { RemotingClient } from '../remoting/client.ts'
import { decodeCommand, encodeFrame, HEADER_BINARY, HEADER_JSON } from '../remoting/command.ts'
import { Dispatcher } from '../remoting/dispatch.ts'
import { codecOf, readHeader, writeHeader } from '../remoting/fields.ts'
import { Outbox } from '../remoting/outbox.ts'
import { sendReply } from '../remoting/requests/send-message.ts'
import { sendMessageV2 } from '../remoting/requests/send-message-v2.ts'
import { listen } from '../remoting/server.ts'

const header = {
  producerGroup: 'benchmark_producer',
  topic: 'BenchmarkTest',
  defaultTopic: 'TBW102',
  defaultTopicQueueNums: 4,
  queueId: 3,
  sysFlag: 0,
  bornTimestamp: 1_700_000_000_000,
  flag: 0,
  properties:
    'UNIQ_KEY\u00017F000001A4C318B4AAC2088B2D3C0001\u0002WAIT\u0001true\u0002CLUSTER\u0001DefaultCluster\u0002',
  reconsumeTimes: 0,
  unitMode: false,
  batch: false,
  brokerName: 'broker-a',
}
const body = Buffer.alloc(1024, 'a')
const reply = { msgId: '7F00000100002A9F0000000000012345', queueId: 3, queueOffset: 123_456 }
const extra = { MSG_REGION: 'DefaultRegion', TRACE_ON: 'true' }

function serve(): void {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(sendMessageV2, async (request) => ({
    header: { ...reply, queueOffset: request.header.bornTimestamp },
    extra,
  }))
  void listen({ host: '127.0.0.1', port: 0, dispatcher, log: silentLog, clock: systemClock }).then(
    (server) => {
      process.send?.({ port: server.address.port })
      process.on('message', (message) => {
        if (message === 'stop') process.exit(0)
        process.send?.({ cpu: process.cpuUsage() })
      })
    },
  )
}

function codecs(): void {
  const head = { code: 310, language: 0, version: 479, opaque: 12_345, flag: 0, remark: undefined }
  const ext = writeHeader(sendMessageV2.header, header)
  for (const [name, form] of [
    ['JSON', HEADER_JSON],
    ['binary', HEADER_BINARY],
  ] as const) {
    const frame = encodeFrame(head, ext, body, form)
    const command = decodeCommand(frame)
    time(`${name}: decode a command of ${frame.length} bytes`, () => decodeCommand(frame))
    time(`${name}: read its header`, () => readHeader(sendMessageV2.header, command.ext))
    const outbox = new Outbox()
    const codec = codecOf(sendReply)
    const answer = { code: 0, language: 0, version: 479, opaque: 12_345, flag: 1, remark: undefined }
    time(`${name}: encode an answer`, () => {
      if (form === HEADER_JSON) outbox.addFrame(form, answer, codec.toJson(reply), undefined, undefined)
      else outbox.addFrame(form, answer, '', writeHeader(sendReply, reply), undefined)
      if (outbox.bytes > 60_000) outbox.take(1_000_000)
    })
  }
}

function time(what: string, run: () => unknown): void {
  const count = 200_000
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const startedAt = process.hrtime.bigint()
    for (let index = 0; index < count; index++) run()
    best = Math.min(best, Number(process.hrtime.bigint() - startedAt) / count)
  }
  console.log(`${what.padEnd(44)} ${best.toFixed(0).padStart(6)} ns`)
}

async function echo(seconds: number): Promise<void> {
  const child = fork(import.meta.filename, ['--serve'])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const cpu = async (): Promise<number> => {
    child.send('cpu')
    const [usage] = (await once(child, 'message')) as [{ cpu: NodeJS.CpuUsage }]
    return usage.cpu.user + usage.cpu.system
  }
  for (const form of [HEADER_JSON, HEADER_BINARY] as const) {
    for (const [connections, depth] of [
      [1, 64],
      [64, 1],
      [1, 512],
    ] as const) {
      const clients = Array.from(
        { length: connections },
        () => new RemotingClient({ log: silentLog, clock: systemClock, form }),
      )
      await run(clients, depth, port, 1)
      const [cpuBefore, ownBefore] = [await cpu(), process.cpuUsage()]
      const count = await run(clients, depth, port, seconds)
      const own = process.cpuUsage(ownBefore)
      const perRequest = (((await cpu()) - cpuBefore) / count).toFixed(2)
      const ownPerRequest = ((own.user + own.system) / count).toFixed(2)
      console.log(
        `${form === HEADER_JSON ? 'JSON  ' : 'binary'} ${connections} connections × ${depth} deep: ${Math.round(count / seconds)} requests/s, server ${perRequest} µs, client ${ownPerRequest} µs a request`,
      )
      for (const client of clients) client.close()
    }
  }
  child.send('stop')
}

async function run(
  clients: readonly RemotingClient[],
  depth: number,
  port: number,
  seconds: number,
): Promise<number> {
  const endAt = systemClock.monotonicMs() + seconds * 1000
  let count = 0
  const loop = async (client: RemotingClient): Promise<void> => {
    while (systemClock.monotonicMs() < endAt) {
      await client.call(`127.0.0.1:${port}`, sendMessageV2, header, { timeoutMs: 3000, body })
      count += 1
    }
  }
  await Promise.all(clients.flatMap((client) => Array.from({ length: depth }, () => loop(client))))
  return count
}

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, serve: { type: 'boolean' } },
})
if (values.serve === true) serve()
else {
  codecs()
  await echo(Number(values.seconds))
}
