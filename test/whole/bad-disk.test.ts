import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDisk } from '../../store/memory-disk.ts'
import { MemoryLog } from '../support/broker-fakes.ts'
import { until } from '../support/broker-fixture.ts'
import { hurriedTimer } from '../support/honest-pair.ts'
import { assertRefused } from '../support/misuse.ts'
import { ShiftedClock } from '../support/shifted-clock.ts'
import { Stranger } from '../support/stranger.ts'
import { startWholeCluster } from '../support/whole-cluster.ts'

const send = (topic: string) => ({ a: 'P', b: topic, c: 'TBW102', d: '1', e: '0', g: '0' })

/** A full disk by its own two ways: the ratio at which the broker stops by itself, and the error of a write. */
const fullDisks = [
  {
    how: 'above diskSpaceWarningLevelRatio',
    text: 'diskSpaceWarningLevelRatio=90\ndiskSpaceCleanForciblyRatio=90\ndiskMaxUsedSpaceRatio=90',
  },
  { how: 'ENOSPC', text: 'diskSpaceWarningLevelRatio=100' },
] as const

for (const { how, text } of fullDisks)
  test(`a full disk (${how}) refuses messages with 14, everything else goes on, and writing resumes by itself`, async (t) => {
    const clock = new ShiftedClock()
    const log = new MemoryLog()
    const disk = new MemoryDisk({
      capacityBytes: 24 * 1024 * 1024,
      isRecording: false,
      nowMs: () => clock.now(),
    })
    const cluster = await startWholeCluster(t, { clock, log, disk, text })
    const wait = (ms: number): Promise<void> => clock.pass(ms, cluster.tick)
    const broker = cluster.brokers[0]
    assert(broker)
    const stranger = await Stranger.connect(broker.address)
    const acknowledged: string[] = []
    let count = 0
    const sendNext = async () => {
      const name = String(count++).padStart(8, '0')
      const body = Buffer.alloc(60_000, name)
      const answer = await stranger.ask(310, { ext: send(`filled-${count % 2}`), body })
      if (answer.code === 0) acknowledged.push(name)
      return answer
    }
    for (let topic = 0; topic < 2; topic++) assert.equal((await sendNext()).code, 0)
    const received = new Set<string>()
    await cluster.client({ timer: hurriedTimer }).pushConsumer({
      group: 'G',
      subscriptions: { 'filled-0': '*', 'filled-1': '*' },
      from: 'first',
      onMessage: ({ body }) => void received.add(body.subarray(0, 8).toString()),
    })
    let answer = await sendNext()
    for (let round = 0; round < 600 && answer.code === 0; round++) {
      if (round % 20 === 0) await wait(10_000)
      answer = await sendNext()
    }
    assertRefused(answer, 14, /space|full|ENOSPC/)
    assert(acknowledged.length > 200, `only ${acknowledged.length} fitted`)
    // Each of them again: a refused message leaves nothing that would be in the way of the next.
    for (let again = 0; again < 5; again++) assertRefused(await sendNext(), 14, /./)
    const small = await stranger.ask(310, { ext: send('filled-1'), body: Buffer.from('small') })
    assert(small.code === 14 || small.code === 0, `${small.code} ${small.remark}`)
    // Reading, heartbeats, tables and the nameserver know nothing of it.
    const pull = { consumerGroup: 'G', topic: 'filled-1', queueId: '0', queueOffset: '0', sysFlag: '4' }
    assert.equal((await stranger.ask(11, { ext: { ...pull, subscription: '*' } })).code, 0)
    assert.equal((await stranger.ask(34, { body: Buffer.from('{"clientID":"c"}') })).code, 0)
    for (const code of [21, 26, 28, 43, 45, 201]) assert.equal((await stranger.ask(code)).code, 0, `${code}`)
    // What would have to be written is refused like a message.
    const commit = { consumerGroup: 'G', topic: 'filled-1', queueId: '0', commitOffset: '1' }
    assertRefused(await stranger.ask(15, { ext: commit }), 14, /./)
    assertRefused(await stranger.ask(310, { ext: send('new-topic'), body: Buffer.from('x') }), 14, /./)
    const nameserver = await Stranger.connect(cluster.nameservers)
    assert.equal((await nameserver.ask(105, { ext: { topic: 'filled-1' } })).code, 0)
    await until('all that was acknowledged is received', () =>
      acknowledged.every((name) => received.has(name)),
    )
    await wait(30_000)
    assertRefused(await sendNext(), 14, /./)
    const last = acknowledged.length
    disk.capacityBytes = 64 * 1024 * 1024
    await wait(15_000)
    for (let more = 0; more < 30; more++) {
      const resumed = await sendNext()
      assert.equal(resumed.code, 0, `${resumed.code} ${resumed.remark}`)
    }
    assert.equal(acknowledged.length, last + 30)
    assert.equal((await stranger.ask(15, { ext: commit })).code, 0)
    await until('what came later is received, too', () => acknowledged.every((name) => received.has(name)))
    assert.deepEqual(
      log.lines.filter(({ event }) => event === 'request.failed' || event === 'broker.failed'),
      [],
    )
    nameserver.close()
    stranger.close()
    await cluster.restartBroker()
    const again = new Set<string>()
    await cluster.client().pushConsumer({
      group: 'again',
      subscriptions: { 'filled-0': '*', 'filled-1': '*' },
      from: 'first',
      onMessage: ({ body }) => void again.add(body.subarray(0, 8).toString()),
    })
    await until('all of it is there after a restart', () => acknowledged.every((name) => again.has(name)))
  })
