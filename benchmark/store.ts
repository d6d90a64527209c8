/**
 * Measures the store alone, without sockets: puts a second and processor time per put, then reading everything again.
 *
 *     node benchmark/store.ts [--count 1000000] [--size 1024] [--in-flight 512] [--queues 8] [--flush ASYNC_FLUSH] [--folder DIR]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { logPosition, type QueueOffset, queueOffset } from '../base/units.ts'
import type { NewMessage } from '../message/message.ts'
import { FileDisk } from '../store/file-disk.ts'
import { openStore } from '../store/message-store.ts'
import type { StoreOptions } from '../store/options.ts'
import type { Store } from '../store/store.ts'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    size: { type: 'string', default: '1024' },
    'in-flight': { type: 'string', default: '512' },
    queues: { type: 'string', default: '8' },
    flush: { type: 'string', default: 'ASYNC_FLUSH' },
    folder: { type: 'string', default: '' },
  },
})
const count = Number(values.count)
const sizeBytes = Number(values.size)
const inFlight = Number(values['in-flight'])
const queueCount = Number(values.queues)
const folder = values.folder === '' ? mkdtempSync(join(tmpdir(), 'rocketcluster-benchmark-')) : values.folder

const options: StoreOptions = {
  clusterName: 'DefaultCluster',
  brokerName: 'broker-a',
  segmentSizeBytes: 1024 ** 3,
  queueFileSizeBytes: 6_000_000,
  flush: values.flush === 'SYNC_FLUSH' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH',
  flushIntervalMs: 500,
  syncFlushTimeoutMs: 5000,
  maxMessageSizeBytes: 4 * 1024 * 1024,
  indexEnabled: true,
  indexSlots: 5_000_000,
  indexEntries: 20_000_000,
  retentionHours: 72,
  deleteWhenHours: [4],
  diskCleanRatio: 0.75,
  diskRefuseRatio: 0.95,
  deletesUnexpiredWhenFull: false,
  diskForceRatio: 0.85,
  delayLevelsMs: [1000, 5000],
  tailCacheBytes: 64 * 1024 * 1024,
  blockCacheBytes: 32 * 1024 * 1024,
  pendingBytesMax: 64 * 1024 * 1024,
}

const host = Buffer.from([127, 0, 0, 1, 0, 0, 0x2a, 0x9f])
const body = Buffer.alloc(sizeBytes, 'x')

function messageFor(index: number): NewMessage {
  const unique = index.toString(16).toUpperCase().padStart(32, '0')
  return {
    topic: 'BenchmarkTest',
    queueId: index % queueCount,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: systemClock.now(),
    bornHost: host,
    storeHost: host,
    reconsumeTimes: 0,
    preparedTransactionOffset: logPosition(0),
    body,
    properties: `KEYS\u0001key${index}\u0002UNIQ_KEY\u0001${unique}\u0002WAIT\u0001true\u0002TAGS\u0001TagA\u0002CLUSTER\u0001DefaultCluster\u0002MSG_REGION\u0001DefaultRegion\u0002TRACE_ON\u0001true\u0002`,
  }
}

interface Measure {
  readonly ms: number
  readonly cpuMs: number
  readonly loopMs: number
}

async function measured(work: () => Promise<void>): Promise<Measure> {
  const cpu = process.cpuUsage()
  const thread = process.threadCpuUsage()
  const start = performance.now()
  await work()
  const used = process.cpuUsage(cpu)
  const loop = process.threadCpuUsage(thread)
  return {
    ms: performance.now() - start,
    cpuMs: (used.user + used.system) / 1000,
    loopMs: (loop.user + loop.system) / 1000,
  }
}

/** Keeps `inFlight` puts under way, as many connections with one request each would. */
async function produce(store: Store): Promise<void> {
  let next = 0
  let left = count
  await new Promise<void>((resolve, reject) => {
    const done = (): void => {
      left--
      if (left === 0) resolve()
      else if (next < count) send()
    }
    const send = (): void => {
      store.put(messageFor(next++)).then(done, reject)
    }
    for (let index = 0; index < Math.min(inFlight, count); index++) send()
  })
}

async function consume(store: Store): Promise<number> {
  let found = 0
  let gets = 0
  const one = async (queueId: number): Promise<void> => {
    let offset: QueueOffset = queueOffset(0)
    for (;;) {
      const answer = store.get({ topic: 'BenchmarkTest', queueId, offset, maxCount: 32, maxBytes: 262_144 })
      const result = answer instanceof Promise ? await answer : answer
      if (result.status !== 'found') return
      offset = result.nextOffset
      found += result.records.length
      if (++gets % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: queueCount }, (_, queueId) => one(queueId)))
  console.log(`  ${(found / gets).toFixed(1)} messages per get`)
  return found
}

function report(what: string, n: number, measure: Measure): void {
  console.log(
    `${what}: ${Math.round((n / measure.ms) * 1000)}/s, ${((measure.loopMs * 1000) / n).toFixed(2)} µs of the loop and ` +
      `${((measure.cpuMs * 1000) / n).toFixed(2)} µs of the process each, resident ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
  )
}

const open = async (): Promise<Store> =>
  openStore({ disk: await FileDisk.open(folder), options, tables: [], clock: systemClock, log: silentLog })

const baseline = await measured(async () => {
  for (let index = 0; index < count; index++) messageFor(index)
})
report('making the messages (to subtract)', count, baseline)
let store = await open()
const ticker = setInterval(() => store.tick(systemClock.now()), 100)
report(`put ${values.flush}`, count, await measured(() => produce(store)))
console.log('closing', (await measured(() => store.close())).ms.toFixed(0), 'ms')
const opening = await measured(async () => {
  store = await open()
})
console.log('opening', opening.ms.toFixed(0), 'ms')
let found = 0
report(
  'catch-up',
  count,
  await measured(async () => {
    found = await consume(store)
  }),
)
if (found < count) console.log(`only ${found} of ${count} were found`)
clearInterval(ticker)
await store.close()
if (values.folder === '') rmSync(folder, { recursive: true })
