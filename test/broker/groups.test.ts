import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GroupTable, newGroupConfig } from '../../broker/groups.ts'
import { ManualClock, MemoryLog } from '../support/broker-fakes.ts'
import { ChangeLog } from '../support/change-log.ts'

function setUp(settings: { autoCreateSubscriptionGroup?: boolean; maxGroupNum?: number } = {}) {
  const parts = {
    clock: new ManualClock(),
    log: new MemoryLog(),
    settings: { autoCreateSubscriptionGroup: true, maxGroupNum: 100, ...settings },
  }
  const table = new GroupTable(parts)
  const changes = new ChangeLog(table)
  table.attach(changes.store)
  return { table, changes, fresh: () => new GroupTable(parts) }
}

test('a group is made by its first use, once for all who use it at the same time', async () => {
  const { table, changes } = setUp()
  const made = await Promise.all([table.getOrCreate('G'), table.getOrCreate('G'), table.getOrCreate('G')])
  assert.equal(changes.entries.length, 1)
  for (const config of made) assert.equal(config, table.get('G'))
  const { groupName, retryMaxTimes, retryQueueNums, consumeEnable, notifyConsumerIdsChangedEnable } =
    table.get('G') ?? assert.fail('no group')
  assert.deepEqual(
    [groupName, retryMaxTimes, retryQueueNums, consumeEnable, notifyConsumerIdsChangedEnable],
    ['G', 16, 1, true, true],
  )
  await table.getOrCreate('G')
  assert.equal(changes.entries.length, 1)
})

test('without autoCreateSubscriptionGroup only RocketMQ’s own groups are made', async () => {
  const { table } = setUp({ autoCreateSubscriptionGroup: false })
  assert.equal(await table.getOrCreate('G'), undefined)
  assert.ok(await table.getOrCreate('CID_RMQ_SYS_TRANS'))
  await table.put(newGroupConfig('G'))
  assert.ok(await table.getOrCreate('G'))
})

test('M6: names that no group may have are refused wherever they come in', async () => {
  const { table, changes } = setUp()
  for (const name of ['', 'a b', 'a/../b', '..', 'a@b', 'ü', 'x'.repeat(121), 'a\u0000']) {
    await assert.rejects(table.getOrCreate(name), { code: 29, remark: /group name/ })
    await assert.rejects(table.put(newGroupConfig(name)), { code: 29 })
  }
  assert.equal(changes.entries.length, 0)
  await table.getOrCreate('x'.repeat(120))
  await table.getOrCreate('%odd|but-allowed_')
})

test('there is room for maxGroupNum groups, those on their way included', async () => {
  const { table } = setUp({ maxGroupNum: 2 })
  const results = await Promise.allSettled(['A', 'B', 'C'].map((name) => table.getOrCreate(name)))
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
  await assert.rejects(table.getOrCreate('D'), { code: 1, remark: /limit is 2 \(maxGroupNum\)/ })
  await table.put({ ...newGroupConfig('A'), retryMaxTimes: 3 })
})

test('a config that is the same costs no record; a changed one replaces', async () => {
  const { table, changes } = setUp()
  assert.equal(await table.put(newGroupConfig('G')), true)
  assert.equal(await table.put(newGroupConfig('G')), false)
  assert.equal(await table.put({ ...newGroupConfig('G'), consumeEnable: false }), true)
  assert.equal(table.get('G')?.consumeEnable, false)
  assert.equal(table.dataVersion.counter, 2)
  await table.delete('unknown')
  assert.equal(changes.entries.length, 2)
  await table.delete('G')
  assert.equal(table.get('G'), undefined)
})

test('a change that the store refuses is not there, and the next one is not blocked', async () => {
  const { table, changes } = setUp()
  changes.isRefusing = true
  await assert.rejects(table.getOrCreate('G'), { kind: 'unavailable' })
  assert.equal(table.get('G'), undefined)
  changes.isRefusing = false
  assert.ok(await table.getOrCreate('G'))
})

test('the groups of every broker are made once', async () => {
  const { table, changes } = setUp()
  await table.ensureSystemGroups()
  assert.ok(table.get('TOOLS_CONSUMER'))
  const count = changes.entries.length
  await table.ensureSystemGroups()
  assert.equal(changes.entries.length, count)
})

test('reads RocketMQ’s own file and keeps what it does not use', () => {
  const { table } = setUp()
  table.restore(
    '{"dataVersion":{"counter":7,"stateVersion":0,"timestamp":5},"forbiddenTable":{"G":{"T":4,"U":2}},' +
      '"subscriptionGroupTable":{"G":{"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,' +
      '"consumeFromMinEnable":true,"consumeMessageOrderly":false,"consumeTimeoutMinute":15,"groupName":"G",' +
      '"groupRetryPolicy":{"type":"EXPONENTIAL","exponentialRetryPolicy":{"initial":5000,"max":7200000,"multiplier":2}},' +
      '"groupSysFlag":0,"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":5,"retryQueueNums":2,' +
      '"whichBrokerWhenConsumeSlowly":1}}}',
  )
  assert.equal(table.get('G')?.retryMaxTimes, 5)
  assert.equal(table.isForbidden('G', 'T'), true)
  assert.equal(table.isForbidden('G', 'U'), false, 'bit 2 is reading')
  assert.equal(table.isForbidden('H', 'T'), false)
  const { fresh } = setUp()
  const again = fresh()
  again.restore(table.snapshot())
  assert.equal(again.snapshot(), table.snapshot())
  assert.match(table.snapshot(), /"initial":5000/)
  assert.throws(() => table.restore('{"subscriptionGroupTable":{"G":'))
})

test('a change that is not understood is kept out', () => {
  const { table } = setUp()
  for (const change of [
    undefined,
    null,
    3,
    {},
    { at: 1 },
    { at: 1, put: {} },
    { at: 1, put: 'x' },
    { put: newGroupConfig('G') },
  ])
    assert.equal(table.apply(change), false)
  assert.equal(table.size, 0)
})

test('a restart from any snapshot and the records after it gives the groups in memory', async () => {
  const step = fc.oneof(
    fc.record({ put: fc.nat(3), times: fc.nat(4) }),
    fc.record({ use: fc.nat(3) }),
    fc.record({ remove: fc.nat(3) }),
    fc.record({ snapshot: fc.constant(true) }),
    fc.record({ wait: fc.constant(true) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { table, changes, fresh } = setUp()
      const snapshots = [{ text: table.snapshot(), position: 0 }]
      const all: Promise<unknown>[] = []
      for (const one of steps) {
        if ('put' in one) all.push(table.put({ ...newGroupConfig(`G${one.put}`), retryMaxTimes: one.times }))
        else if ('use' in one) all.push(table.getOrCreate(`G${one.use}`))
        else if ('remove' in one) all.push(table.delete(`G${one.remove}`))
        else if ('wait' in one) await Promise.all(all)
        else snapshots.push({ text: table.snapshot(), position: table.dataVersion.counter })
        await null
      }
      await Promise.all(all)
      for (const { text, position } of snapshots) {
        const restarted = fresh()
        changes.replayInto(restarted, text, position)
        const sorted = (of: GroupTable) => [...of.configs()].map((config) => JSON.stringify(config)).sort()
        assert.deepEqual(sorted(restarted), sorted(table))
        assert.deepEqual(restarted.dataVersion, table.dataVersion)
      }
    }),
    { numRuns: 200 },
  )
})
