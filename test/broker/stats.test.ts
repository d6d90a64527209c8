import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Meter } from '../../broker/meter.ts'
import { PutLatency } from '../../broker/put-latency.ts'
import { BrokerStats } from '../../broker/stats.ts'

/** 2023-11-14 12:00 local time. */
const NOON = new Date(2023, 10, 14, 12).getTime()

/** Seconds go by; `each` happens in every one of them. */
function run(stats: BrokerStats, from: number, seconds: number, each: (second: number) => void): number {
  for (let second = 0; second < seconds; second++) {
    each(second)
    stats.tick(from + second * 1000)
  }
  return from + seconds * 1000
}

test('rates are those of the last 10, 60 and 600 seconds', () => {
  const stats = new BrokerStats()
  let now = run(stats, NOON, 600, () => {
    for (let count = 0; count < 5; count++) stats.put('T', 1, 50, 1)
    stats.put('T', 5, 250, 1)
    stats.get('G', 'T', 3, 10)
    stats.getMiss()
  })
  const steady = stats.rates()
  assert.ok(Math.abs(steady.put.last10s - 10) < 0.1)
  assert.ok(Math.abs(steady.put.last600s - 10) < 0.1)
  assert.ok(Math.abs(steady.got.last60s - 3) < 0.1)
  assert.ok(Math.abs(steady.found.last60s - 1) < 0.1)
  assert.ok(Math.abs(steady.miss.last60s - 1) < 0.1)
  now = run(stats, now, 30, () => undefined)
  const { put } = stats.rates()
  assert.equal(put.last10s, 0)
  assert.ok(Math.abs(put.last60s - 5) < 0.1, String(put.last60s))
  assert.ok(Math.abs(put.last600s - 9.5) < 0.1, String(put.last600s))
  assert.deepEqual(stats.totals, {
    putCalls: 3600,
    putFailures: 0,
    putMessages: 6000,
    putBytes: 300_000,
    foundPulls: 600,
    missPulls: 600,
    gotMessages: 1800,
    gotBytes: 6000,
  })
})

test('a broker that has just started tells rates since its start', () => {
  const stats = new BrokerStats()
  assert.equal(stats.rates().put.last10s, 0)
  run(stats, NOON, 4, () => stats.put('T', 1, 1, 0))
  assert.equal(stats.rates().put.last600s, 1)
})

test('topics and groups have rates of their own', () => {
  const stats = new BrokerStats()
  run(stats, NOON, 121, () => {
    stats.put('A', 2, 1, 1)
    stats.put('B', 1, 1, 1)
    stats.get('G', 'A', 1, 1)
    stats.delivered('B', 1)
  })
  const near = (value: number, expected: number) =>
    assert.ok(Math.abs(value - expected) < expected * 0.15, `${value} is not about ${expected}`)
  near(stats.topicRates('A').last10s, 2)
  near(stats.topicRates('A').last60s, 2)
  near(stats.topicRates('B').last60s, 2)
  near(stats.groupRates('G', 'A').last60s, 1)
  assert.deepEqual(stats.groupRates('G', 'B'), { last10s: 0, last60s: 0, last600s: 0 })
  assert.equal(stats.totals.putMessages, 363, 'what the broker delivers is no put of a client')
})

test('a meter follows a change within its windows and is given up after a day of rest', () => {
  const meter = new Meter()
  for (let minute = 0; minute < 20; minute++)
    for (let sample = 0; sample < 6; sample++) {
      meter.add(100, 1)
      meter.sample()
    }
  assert.deepEqual(meter.rates(), { last10s: 10, last60s: 10, last600s: 10 })
  for (let sample = 0; sample < 6; sample++) meter.sample()
  assert.deepEqual([meter.rates().last10s, meter.rates().last60s], [0, 0])
  assert.ok(meter.rates().last600s > 8)
  let samples = 6
  while (meter.sample()) samples++
  assert.ok(Math.abs(samples - 8640) < 3, String(samples))
  meter.add(1, 1)
  assert.equal(meter.sample(), true)
})

test('the number of meters is bounded; the rest is counted together', () => {
  const stats = new BrokerStats({ metersMax: 10 })
  for (let topic = 0; topic < 1000; topic++) {
    stats.put(`T${topic}`, 1, 1, 1)
    stats.get(`G${topic % 5}`, `T${topic}`, 1, 1)
  }
  assert.equal([...stats.topics()].length, 10)
  assert.equal([...stats.groups()].length, 10)
  assert.equal(stats.totals.putMessages, 1000)
  stats.forgetTopic('T0')
  stats.forgetGroup('G1')
  stats.put('new', 1, 1, 1)
  stats.get('new', 'new', 1, 1)
  assert.equal([...stats.topics()].length, 10)
  assert.equal(
    [...stats.groups()].some(([group]) => group === 'new'),
    true,
  )
})

test('totals are remembered at midnight', () => {
  const stats = new BrokerStats()
  stats.tick(NOON)
  stats.put('T', 10, 1, 1)
  stats.get('G', 'T', 4, 1)
  stats.tick(NOON + 1000)
  assert.deepEqual(stats.putDays(), { yesterdayMorning: 0, todayMorning: 0, now: 10 })
  stats.tick(NOON + 12 * 3_600_000)
  stats.put('T', 5, 1, 1)
  assert.deepEqual(stats.putDays(), { yesterdayMorning: 0, todayMorning: 10, now: 15 })
  stats.tick(NOON + 36 * 3_600_000)
  assert.deepEqual(stats.putDays(), { yesterdayMorning: 10, todayMorning: 15, now: 15 })
  assert.deepEqual(stats.gotDays(), { yesterdayMorning: 4, todayMorning: 4, now: 4 })
})

test('put latencies give percentiles and RocketMQ’s distribution', () => {
  const latency = new PutLatency()
  assert.equal(latency.percentileMs(0.99), 0)
  for (let count = 0; count < 990; count++) latency.add(0.4)
  for (let count = 0; count < 9; count++) latency.add(20)
  latency.add(700)
  assert.ok(latency.percentileMs(0.5) < 0.6 && latency.percentileMs(0.5) > 0.3)
  assert.ok(latency.percentileMs(0.995) > 15 && latency.percentileMs(0.995) < 25)
  assert.equal(latency.maxMs, 700)
  assert.equal(
    latency.distributionText(),
    '[<=0ms]:990 [0~10ms]:0 [10~50ms]:9 [50~100ms]:0 [100~200ms]:0 [200~500ms]:0 [500ms~1s]:1 [1~2s]:0 [2~3s]:0 ' +
      '[3~4s]:0 [4~5s]:0 [5~10s]:0 [10s~]:0 ',
  )
  latency.add(1)
  latency.add(10)
  latency.add(20_000)
  assert.match(latency.distributionText(), /\[0~10ms\]:2 .*\[10s~\]:1 $/)
})

test('percentiles forget what is older than two minutes', () => {
  const latency = new PutLatency()
  latency.turn(NOON)
  latency.add(500)
  latency.turn(NOON + 60_000)
  latency.add(1)
  assert.ok(latency.percentileMs(0.99) > 400)
  latency.turn(NOON + 120_000)
  assert.ok(latency.percentileMs(0.99) < 2)
})

test('a clock that is set back does not stop the sampling', () => {
  const stats = new BrokerStats()
  run(stats, NOON, 30, () => stats.put('T', 1, 1, 1))
  run(stats, NOON - 3_600_000, 30, () => stats.put('T', 7, 1, 1))
  assert.ok(stats.topicRates('T').last10s > 5)
})
