import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { MemoryLog } from '../support/broker-fakes.ts'
import { until } from '../support/broker-fixture.ts'
import { startHonestPair } from '../support/honest-pair.ts'
import { ShiftedClock } from '../support/shifted-clock.ts'
import { Stranger } from '../support/stranger.ts'
import { startWholeCluster, type WholeCluster } from '../support/whole-cluster.ts'

const SUBSCRIPTION = 4
const SUSPEND = 2

const serversOf = (cluster: WholeCluster): readonly string[] => [
  cluster.brokers[0]?.address ?? '',
  cluster.nameservers,
]

const pull = (changes: Record<string, string> = {}): Record<string, string> => ({
  consumerGroup: 'strangers',
  topic: 'TBW102',
  queueId: '0',
  queueOffset: '0',
  maxMsgNums: '32',
  sysFlag: String(SUBSCRIPTION),
  commitOffset: '0',
  suspendTimeoutMillis: '30000',
  subscription: '*',
  subVersion: '0',
  ...changes,
})

const closedCount = (strangers: readonly Stranger[]): number =>
  strangers.filter(({ isClosed }) => isClosed).length

test('slow, silent and half-open connections are closed in their time, honest ones live on (C1, C2, C4)', async (t) => {
  const clock = new ShiftedClock()
  const log = new MemoryLog()
  const cluster = await startWholeCluster(t, { clock, log })
  const wait = (ms: number): Promise<void> => clock.pass(ms, cluster.tick)
  const honest = await startHonestPair(t, cluster, { isHurried: true })
  const connect = (count: number): Promise<Stranger[]> =>
    Promise.all(Array.from({ length: count }, (_, at) => Stranger.connect(serversOf(cluster)[at % 2] ?? '')))
  const slow = await connect(200)
  const silent = await connect(200)
  const parked = await Stranger.connect(serversOf(cluster)[0] ?? '')
  const request = slow[0]?.frame(9999, 1, { body: Buffer.alloc(100) }) ?? Buffer.alloc(0)
  let trickled = 1
  const trickle = (): void => {
    for (const stranger of slow) stranger.send(request.subarray(trickled - 1, trickled))
    trickled += 1
  }
  trickle()
  // A peer that asks for a message and then vanishes without closing: its pull waits, its connection says no more.
  const half = parked.ask(11, { ext: pull({ sysFlag: String(SUBSCRIPTION | SUSPEND) }) })
  const isHalfAnswered = half.then(
    () => true,
    () => false,
  )
  await wait(1)
  for (let second = 0; second < 20; second += 10) {
    await wait(10_000)
    trickle()
  }
  assert.equal(closedCount(slow), 0, 'not closed before 30 s')
  await wait(12_000)
  await until('the slow ones are closed', () => closedCount(slow) === slow.length)
  assert.equal(closedCount(silent), 0)
  await wait(70_000)
  assert.equal(closedCount(silent), 0, 'not closed before 120 s')
  await wait(20_000)
  await until('the silent ones are closed', () => closedCount(silent) === silent.length)
  await isHalfAnswered
  await wait(40_000)
  await until('the half-open one is closed', () => parked.isClosed)
  const reasons = new Set(log.lines.map(({ fields }) => String(fields.reason ?? '').replace(/\d+/g, 'n')))
  assert(reasons.has('a frame was not complete within n ms'), [...reasons].join('; '))
  assert(reasons.has('idle for n ms'), [...reasons].join('; '))
  await honest.finish()
})

test('pulls that wait are freed when their connection closes, in order or not (C4)', async (t) => {
  const cluster = await startWholeCluster(t)
  const honest = await startHonestPair(t, cluster)
  const parts = cluster.brokers[0]?.broker.parts
  assert(parts)
  const before = parts.longPolls.waitingCount
  const strangers = await Promise.all(
    Array.from({ length: 20 }, () => Stranger.connect(serversOf(cluster)[0] ?? '')),
  )
  for (const stranger of strangers)
    for (let at = 0; at < 50; at++)
      stranger.request(11, { ext: pull({ sysFlag: String(SUBSCRIPTION | SUSPEND) }) })
  await until('a thousand pulls wait', () => parts.longPolls.waitingCount >= before + 1000 - 8)
  for (const [at, stranger] of strangers.entries())
    if (at % 2 === 0) stranger.close()
    else stranger.socket.resetAndDestroy()
  // The honest pulls come and go; what the strangers held is gone at once, not after 30 s.
  await until('they are freed', () => parts.longPolls.waitingCount <= 16, 1000)
  await honest.finish()
})

test('a flood of connections is capped, and whoever has few still gets in (C3)', async (t) => {
  const log = new MemoryLog()
  const limit = 'maxConnectionNum=160'
  const cluster = await startWholeCluster(t, { log, text: limit, nameserverText: limit })
  const honest = await startHonestPair(t, cluster)
  for (const server of serversOf(cluster)) {
    const strangers = await Promise.all(
      Array.from({ length: 1000 }, () =>
        Stranger.connect(server, { from: '127.0.0.2' }).catch(() => undefined),
      ),
    )
    const open = (): number => strangers.filter((stranger) => stranger && !stranger.isClosed).length
    await until('what is too much is closed', () => open() <= 160)
    assert(open() > 100, `${open()} of 1,000 are open`)
    const [at = ''] = server.split(':')
    const newcomer = await Stranger.connect(server, { from: at === '127.0.0.1' ? '127.0.0.3' : at })
    assert.equal((await newcomer.ask(9999)).code, 3)
    newcomer.close()
    for (const stranger of strangers) stranger?.close()
  }
  assert(log.events('warn').filter((event) => event === 'remoting.refused').length <= 60)
  await honest.finish()
})

test('a reader that does not read costs a bounded share of memory and of work, and is closed after 60 s (C5)', async (t) => {
  const clock = new ShiftedClock()
  const cluster = await startWholeCluster(t, {
    clock,
    text: `maxTransferBytesOnMessageInMemory=1048576\nmaxMessageSize=4194304\nmappedFileSizeCommitLog=16777216`,
  })
  const wait = (ms: number): Promise<void> => clock.pass(ms, cluster.tick)
  const honest = await startHonestPair(t, cluster, { isHurried: true })
  const broker = cluster.brokers[0]
  assert(broker)
  const producer = cluster.client().producer()
  for (let at = 0; at < 4; at++) {
    const queue = { topic: 'large', brokerName: 'broker-0', queueId: 0 }
    await producer.send({ topic: 'large', body: Buffer.alloc(512 * 1024, at) }, at === 0 ? {} : { queue })
  }
  const large = await producer.send({ topic: 'large', body: Buffer.alloc(1000 * 1024, 7) })
  const ext = pull({
    topic: 'large',
    queueId: String(large.queue.queueId),
    queueOffset: String(large.queueOffset),
  })
  const readers = await Promise.all(
    Array.from({ length: 20 }, () => Stranger.connect(broker.address, { reads: false })),
  )
  const rssBefore = process.memoryUsage().rss
  // 20 connections × 200 pulls of 1 MB: 4 GB if all were answered.
  for (const reader of readers) for (let at = 0; at < 200; at++) reader.request(11, { ext })
  const served = (): number => broker.broker.parts.stats.totals.gotBytes
  let last = -1
  await until('the broker stops answering', () => {
    const now = served()
    const isStill = now - last < 64 * 1024 && now > 20_000_000
    last = now
    return isStill
  })
  await wait(1000)
  const servedBytes = served()
  assert(
    servedBytes <= 20 * 10 * 1024 * 1024,
    `${servedBytes} bytes of 4 GB were answered: the rest waits unread`,
  )
  const grownBytes = process.memoryUsage().rss - rssBefore
  assert(grownBytes < 400 * 1024 * 1024, `${grownBytes} bytes more for 4 GB that were asked for`)
  assert.equal(closedCount(readers), 0)
  await wait(62_000)
  for (const reader of readers) reader.socket.resume()
  await until('the readers are closed', () => closedCount(readers) === readers.length)
  t.diagnostic(`${servedBytes} bytes answered, ${grownBytes} bytes of memory more`)
  await honest.finish()
})

test('pulls that all have to wait before they are read are told to come again when they would fill the memory (C5)', async (t) => {
  const cluster = await startWholeCluster(t, {
    text: 'maxTransferBytesOnMessageInMemory=1048576\nmaxMessageSize=4194304\nmappedFileSizeCommitLog=16777216',
  })
  const honest = await startHonestPair(t, cluster)
  const sent = await cluster
    .client()
    .producer()
    .send({ topic: 'large', body: Buffer.alloc(1000 * 1024, 7) })
  const stranger = await Stranger.connect(serversOf(cluster)[0] ?? '')
  const ext = pull({ topic: 'large', queueId: String(sent.queue.queueId), consumerGroup: 'not-there-yet' })
  // The group of all of them has to be made first; then all are read in one turn.
  const opaques = Array.from({ length: 150 }, (_, at) => 1000 + at)
  const answering = opaques.map((opaque) => stranger.answer(opaque))
  stranger.send(Buffer.concat(opaques.map((opaque) => stranger.frame(11, opaque, { ext }))))
  const answers = await Promise.all(answering)
  const found = answers.filter(({ code }) => code === 0)
  const bytes = found.reduce((sum, { body }) => sum + body.length, 0)
  assert(bytes > 8 * 1024 * 1024 && bytes < 40 * 1024 * 1024, `${bytes} bytes in ${found.length} answers`)
  for (const { code, remark, ext: offsets } of answers) {
    assert(code === 0 || code === 215, `${code} ${remark}`)
    assert.equal(offsets?.nextBeginOffset, code === 0 ? '1' : '0')
  }
  assert.equal((await stranger.ask(11, { ext })).code, 0, 'when it has read, it gets more')
  stranger.close()
  await honest.finish()
})

test('requests that are cheap to ask and dear to answer, a thousand at once, leave memory and time to others (C6)', async (t) => {
  const cluster = await startWholeCluster(t, {
    text: 'maxMessageSize=4194304\nmappedFileSizeCommitLog=16777216',
  })
  const honest = await startHonestPair(t, cluster)
  const [broker = ''] = serversOf(cluster)
  const writer = await Stranger.connect(broker)
  const positions: string[] = []
  for (let at = 0; at < 20; at++) {
    const ext = { a: 'P', b: 'large', c: 'TBW102', e: '0', i: 'KEYS\u0001k\u0002' }
    const answer = await writer.ask(310, { ext, body: Buffer.alloc(4_000_000, at) })
    positions.push(String(Number.parseInt(answer.ext?.msgId?.slice(16) ?? '', 16)))
  }
  const query = {
    topic: 'large',
    key: 'k',
    maxNum: '64',
    beginTimestamp: '0',
    endTimestamp: '9007199254740991',
  }
  const [reader, idler] = await Promise.all([
    Stranger.connect(broker, { reads: false }),
    Stranger.connect(broker, { reads: false }),
  ])
  // Reads, but keeps nothing: the memory that is looked at is the broker's.
  let readBytes = 0
  reader.socket.on('data', (chunk: Buffer) => {
    readBytes += chunk.length
  })
  reader.socket.resume()
  const before = process.memoryUsage()
  let peakBytes = 0
  const watching = setInterval(() => {
    const { rss, arrayBuffers } = process.memoryUsage()
    peakBytes = Math.max(peakBytes, arrayBuffers - before.arrayBuffers, rss - before.rss)
  }, 20)
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  for (const stranger of [reader, idler])
    for (let at = 0; at < 500; at++) {
      stranger.request(33, { ext: { offset: positions[at % positions.length] ?? '0' } })
      stranger.request(12, { ext: query })
    }
  await new Promise((resolve) => setTimeout(resolve, 800))
  const sentBefore = honest.sentCount
  reader.close()
  idler.close()
  await until('the honest pair goes on', () => honest.sentCount > sentBefore + 20)
  delay.disable()
  clearInterval(watching)
  assert(readBytes > 50_000_000, `${readBytes} bytes of answers`)
  const { p99Ms } = await honest.finish()
  const longestMs = delay.max / 1e6
  t.diagnostic(
    `${readBytes >> 20} MiB answered, ${peakBytes >> 20} MiB more, honest p99 ${p99Ms.toFixed(0)} ms, loop ${longestMs.toFixed(0)} ms`,
  )
  assert(peakBytes < 256 * 1024 * 1024, `${peakBytes} bytes more`)
  assert(p99Ms < 1000, `honest p99 ${p99Ms} ms`)
})

test('20,000 requests in one go on one connection are all answered, and others do not wait for them (C6)', async (t) => {
  const cluster = await startWholeCluster(t)
  const honest = await startHonestPair(t, cluster)
  const [broker = '', nameserver = ''] = serversOf(cluster)
  const stranger = await Stranger.connect(broker)
  const ext = { a: 'P', b: 'pipelined', c: 'TBW102', d: '4', e: '-1', g: '0' }
  assert.equal((await stranger.ask(310, { ext, body: Buffer.from('first') })).code, 0)
  const other = await Stranger.connect(nameserver)
  for (let round = 0; round < 20; round++) {
    const frames = Array.from({ length: 1000 }, (_, at) =>
      stranger.frame(310, 1_000_000 + 1000 * round + at, { ext, body: Buffer.from('x') }),
    )
    stranger.send(Buffer.concat(frames))
    other.send(Buffer.concat(frames.map((_, at) => other.frame(105, 10 + at, { ext: { topic: 'TBW102' } }))))
  }
  await until('all answers', () => stranger.answerCount === 20_001 && other.answerCount === 20_000, 20_000)
  const queues = [0, 1, 2, 3].map(
    (id) => cluster.brokers[0]?.broker.store.queueRange('pipelined', id).maxOffset,
  )
  assert.equal(
    queues.reduce<number>((sum, count) => sum + (count ?? 0), 0),
    20_001,
  )
  stranger.close()
  other.close()
  const { p99Ms } = await honest.finish()
  t.diagnostic(`p99 beside 40,000 pipelined requests: ${p99Ms.toFixed(1)} ms`)
})
