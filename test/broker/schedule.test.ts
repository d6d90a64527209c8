import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { silentLog } from '../../base/log.ts'
import { logPosition, queueOffset } from '../../base/units.ts'
import { Schedule } from '../../broker/schedule.ts'
import type { NewMessage } from '../../message/message.ts'
import { SCHEDULE_TOPIC } from '../../message/names.ts'
import { decodeProperties, encodeProperties } from '../../message/properties.ts'
import { decodeRecord } from '../../message/record.ts'
import { MemoryDisk } from '../../store/memory-disk.ts'
import { type PutResult, type Store, StoreError } from '../../store/store.ts'
import { ManualClock, MemoryLog } from '../support/broker-fakes.ts'
import { message, openOn, testOptions } from '../support/store-fixture.ts'

const LEVELS = '1s 5s 10s 30s'
const settings = { messageDelayLevel: LEVELS }

interface Rig {
  readonly clock: ManualClock
  readonly log: MemoryLog
  readonly disk: MemoryDisk
  schedule: Schedule
  store: Store
  /** Clean stop, or a kill: what the process held in memory is gone, the disk is not. */
  restart(how: 'stop' | 'kill'): Promise<void>
  /** A message with the delay level, put into the schedule queue now. */
  delay(level: number, overrides?: Partial<NewMessage>): Promise<PutResult>
  /** Time goes on, delivery is ticked and whatever it began is waited for. */
  advance(ms: number): Promise<void>
  /** Bodies in a queue of a topic, in order. */
  bodies(topic?: string, queueId?: number): Promise<string[]>
}

async function rig(options: { wrap?: (store: Store) => Store } = {}): Promise<Rig> {
  const clock = new ManualClock()
  const log = new MemoryLog()
  const disk = new MemoryDisk()
  const open = async () => {
    const schedule = new Schedule({ settings, log, clock })
    const opened = await openOn(disk, {
      clock,
      tables: [schedule],
      options: { ...testOptions, segmentSizeBytes: 8 * 1024 * 1024 },
    })
    const store = options.wrap?.(opened) ?? opened
    schedule.attach(store)
    return { schedule, store }
  }
  const opened = await open()
  const self: Rig = {
    clock,
    log,
    disk,
    ...opened,
    async restart(how) {
      if (how === 'stop') await self.schedule.stop()
      await self.store.close()
      Object.assign(self, await open())
    },
    delay: (level, overrides) => self.store.put(self.schedule.toDelayed(message(overrides), level)),
    async advance(ms) {
      clock.advance(ms)
      for (let round = 0; round < 40; round++) {
        self.schedule.tick(clock.wallMs)
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    async bodies(topic = 'TopicTest', queueId = 0) {
      const found: string[] = []
      for (;;) {
        const result = await self.store.get({
          topic,
          queueId,
          offset: queueOffset(found.length),
          maxCount: 1000,
          maxBytes: 10_000_000,
        })
        if (result.records.length === 0) return found
        for (const record of result.records) found.push(String(decodeRecord(record, 0).body))
      }
    },
  }
  return self
}

test('a delayed message waits in the queue of its level as RocketMQ stores it', () => {
  const schedule = new Schedule({ settings, log: silentLog, clock: new ManualClock() })
  const properties = encodeProperties([
    ['DELAY', '2'],
    ['KEYS', 'k'],
    ['REAL_TOPIC', 'forged'],
  ])
  const delayed = schedule.toDelayed(message({ topic: 'T', queueId: 3, properties }), 2)
  assert.equal(delayed.topic, SCHEDULE_TOPIC)
  assert.equal(delayed.queueId, 1)
  assert.deepEqual(Object.fromEntries(decodeProperties(delayed.properties)), {
    DELAY: '2',
    KEYS: 'k',
    REAL_TOPIC: 'T',
    REAL_QID: '3',
  })
  const clamped = schedule.toDelayed(message({ properties }), 99)
  assert.equal(clamped.queueId, 3)
  assert.equal(decodeProperties(clamped.properties).get('DELAY'), '4')
})

test('a message is delivered when its delay is over, not before, with all its properties', async () => {
  const { delay, advance, bodies, store } = await rig()
  await delay(1, { body: Buffer.from('a'), queueId: 2, reconsumeTimes: 3, flag: 9 })
  await advance(999)
  assert.deepEqual(await bodies('TopicTest', 2), [])
  await advance(1)
  assert.deepEqual(await bodies('TopicTest', 2), ['a'])
  const result = await store.get({
    topic: 'TopicTest',
    queueId: 2,
    offset: queueOffset(0),
    maxCount: 1,
    maxBytes: 1000,
  })
  const [record] = result.records
  assert.ok(record)
  const delivered = decodeRecord(record, 0)
  assert.deepEqual(
    [delivered.reconsumeTimes, delivered.flag, delivered.bornTimestamp],
    [3, 9, 1_700_000_000_000],
  )
  assert.equal(delivered.preparedTransactionOffset, logPosition(0))
  assert.deepEqual(Object.fromEntries(decodeProperties(delivered.properties)), {
    TAGS: 'TagA',
    KEYS: 'key-1',
    UNIQ_KEY: '0A0A0A0A0001',
    DELAY: '1',
    REAL_TOPIC: 'TopicTest',
    REAL_QID: '2',
  })
})

test('levels do not wait for each other, and each keeps its order', async () => {
  const { delay, advance, bodies } = await rig()
  for (const [level, body] of [
    [3, 'c1'],
    [1, 'a1'],
    [2, 'b1'],
    [1, 'a2'],
    [3, 'c2'],
  ] as const)
    await delay(level, { body: Buffer.from(body) })
  await advance(1000)
  assert.deepEqual(await bodies(), ['a1', 'a2'])
  await advance(4000)
  assert.deepEqual(await bodies(), ['a1', 'a2', 'b1'])
  await advance(5000)
  assert.deepEqual(await bodies(), ['a1', 'a2', 'b1', 'c1', 'c2'])
})

test('after an orderly stop everything is delivered once, also what became due meanwhile', async () => {
  const self = await rig()
  for (let count = 0; count < 5; count++) {
    await self.delay(1, { body: Buffer.from(`a${count}`) })
    await self.delay(2, { body: Buffer.from(`b${count}`) })
  }
  await self.advance(1000)
  await self.restart('stop')
  await self.advance(60_000)
  const bodies = await self.bodies()
  assert.deepEqual(bodies, ['a0', 'a1', 'a2', 'a3', 'a4', 'b0', 'b1', 'b2', 'b3', 'b4'])
})

test('a stop in the middle of a delivery waits for it: nothing comes twice', async () => {
  const self = await rig()
  for (let count = 0; count < 300; count++) await self.delay(1, { body: Buffer.from(`${count}`) })
  self.clock.advance(1000)
  self.schedule.tick(self.clock.wallMs)
  await self.restart('stop')
  const delivered = (await self.bodies()).length
  assert.ok(delivered > 0 && delivered < 300, `${delivered} were delivered before the stop`)
  await self.advance(1000)
  const bodies = await self.bodies()
  assert.deepEqual(
    bodies,
    Array.from({ length: 300 }, (_, index) => String(index)),
  )
})

test('after a kill nothing is missing; only the last messages before it may come again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4000 })), {
        maxLength: 12,
      }),
      fc.array(fc.constantFrom('kill' as const, 'stop' as const), { minLength: 1, maxLength: 3 }),
      async (delays, restarts) => {
        const self = await rig()
        let count = 0
        for (const how of restarts) {
          for (const [level, wait] of delays) {
            await self.delay(level, { body: Buffer.from(`${count++}`) })
            await self.advance(wait)
          }
          await self.restart(how)
        }
        await self.advance(60_000)
        const bodies = await self.bodies()
        assert.equal(new Set(bodies).size, count)
        const repeats = bodies.length - count
        // Progress is at most one write behind, and a write comes with the tick after a delivery.
        assert.ok(repeats <= restarts.filter((how) => how === 'kill').length * 2, `${repeats} repeats`)
        if (!restarts.includes('kill')) assert.equal(repeats, 0)
      },
    ),
    { numRuns: 25 },
  )
})

test('10,000 messages that are due at once go out within a second, and sends between them do not wait', async () => {
  const self = await rig()
  await Promise.all(
    Array.from({ length: 10_000 }, (_, index) =>
      self.store.put(self.schedule.toDelayed(message({ body: Buffer.from(String(index)) }), 1)),
    ),
  )
  self.clock.advance(1000)
  const startedMs = performance.now()
  let slowestMs = 0
  while (self.schedule.deliveredCount < 10_000) {
    self.clock.advance(100)
    self.schedule.tick(self.clock.wallMs)
    const sentMs = performance.now()
    await self.store.put(message({ topic: 'Other' }))
    slowestMs = Math.max(slowestMs, performance.now() - sentMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs < 3000, `${tookMs} ms`)
  assert.ok(slowestMs < 250, `a send took ${slowestMs} ms`)
  const bodies = await self.bodies()
  assert.equal(bodies.length, 10_000)
  assert.ok(
    bodies.every((body, index) => body === String(index)),
    'in order',
  )
})

test('a store that refuses is asked again a second later; nothing is lost or repeated', async () => {
  let isRefusing = false
  const self = await rig({
    wrap: (store) =>
      new Proxy(store, {
        get(target, name) {
          if (isRefusing && name === 'putAll')
            return () => Promise.reject(new StoreError('unavailable', 'the disk is full'))
          const value: unknown = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
  })
  await self.delay(1, { body: Buffer.from('a') })
  await self.delay(1, { body: Buffer.from('b') })
  isRefusing = true
  await self.advance(1000)
  await self.advance(500)
  assert.deepEqual(await self.bodies(), [])
  assert.deepEqual(self.log.events('warn'), ['schedule.paused'])
  isRefusing = false
  await self.advance(499)
  assert.deepEqual(await self.bodies(), [])
  await self.advance(1)
  assert.deepEqual(await self.bodies(), ['a', 'b'])
})

test('messages that can never be delivered are left out with a line in the log', async () => {
  const self = await rig()
  const bad = (pairs: [string, string][]) =>
    self.store.put(
      message({ topic: SCHEDULE_TOPIC, properties: encodeProperties([['DELAY', '1'], ...pairs]) }),
    )
  await bad([])
  await bad([['REAL_TOPIC', 'T']])
  await bad([
    ['REAL_TOPIC', 'T'],
    ['REAL_QID', '-1'],
  ])
  await bad([
    ['REAL_TOPIC', 'x'.repeat(200)],
    ['REAL_QID', '0'],
  ])
  await self.delay(1, { body: Buffer.from('good') })
  await self.advance(1000)
  assert.deepEqual(await self.bodies(), ['good'])
  assert.equal(self.schedule.skippedCount, 4)
  assert.equal(self.log.events('error').length, 4)
})

test('a clock that is set back does not hold messages for longer than their delay', async () => {
  const self = await rig()
  await self.delay(2, { body: Buffer.from('a') })
  self.clock.wallMs -= 3_600_000
  await self.advance(100)
  assert.deepEqual(await self.bodies(), ['a'])
})

test('progress outside the queue is moved into it: files of another broker, a log that was cut', async () => {
  const self = await rig()
  await self.delay(1, { body: Buffer.from('a') })
  await self.restart('stop')
  const schedule = new Schedule({ settings, log: self.log, clock: self.clock })
  schedule.restore('{"offsetTable":{1:99,2:7,18:5}}')
  schedule.attach(self.store)
  self.schedule = schedule
  await self.advance(1000)
  assert.deepEqual(schedule.progress()[0], { level: 1, nextOffset: 1, maxOffset: 1 })
  assert.match(schedule.snapshot(), /"18":5/, 'levels of another table are kept')
  assert.throws(() => schedule.restore('{"offsetTable":'))
})

test('a change that is not understood is kept out', () => {
  const schedule = new Schedule({ settings, log: silentLog, clock: new ManualClock() })
  for (const change of [
    undefined,
    3,
    {},
    { at: 1 },
    { at: 1, offsets: { x: 1 } },
    { at: 1, offsets: { 1: 'x' } },
  ])
    assert.equal(schedule.apply(change), false)
})
