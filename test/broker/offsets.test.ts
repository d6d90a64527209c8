import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { queueOffset } from '../../base/units.ts'
import { isCommittable, OffsetTable } from '../../broker/offsets.ts'
import { ManualClock, MemoryLog } from '../support/broker-fakes.ts'
import { ChangeLog } from '../support/change-log.ts'

function setUp(options: { isAutomatic?: boolean; pairsMax?: number } = {}) {
  const clock = new ManualClock()
  const log = new MemoryLog()
  const table = new OffsetTable({ clock, log, ...options })
  const changes = new ChangeLog(table, options)
  table.attach(changes.store)
  const commit = (offset: number, queueId = 0, group = 'G', topic = 'T') =>
    table.commit(group, topic, queueId, queueOffset(offset), '10.0.0.1:5')
  const advance = (ms: number) => {
    clock.advance(ms)
    table.tick(clock.steadyMs)
  }
  const fresh = () => new OffsetTable({ clock, log: new MemoryLog() })
  return { clock, log, table, changes, commit, advance, fresh }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a commit is known at once and in the log within about a second, with others in one record', async () => {
  const { table, changes, commit, advance } = setUp()
  commit(5)
  commit(6)
  commit(7, 1)
  commit(1, 0, 'H')
  assert.equal(table.get('G', 'T', 0), 6)
  advance(10)
  await settled()
  assert.equal(changes.entries.length, 1, 'the first gathers at once')
  commit(8)
  commit(9)
  advance(900)
  await settled()
  assert.equal(changes.entries.length, 1)
  advance(100)
  await settled()
  assert.equal(changes.entries.length, 2)
  assert.match(changes.entries[0]?.text ?? '', /"T@G":\{"0":6,"1":7\},"T@H":\{"0":1\}/)
  assert.match(changes.entries[1]?.text ?? '', /"commit":\{"T@G":\{"0":9\}\}/)
  advance(5000)
  commit(9)
  advance(5000)
  await settled()
  assert.equal(changes.entries.length, 2, 'nothing new, nothing written')
})

test('a durable commit waits for the log; those that come meanwhile share the next record', async () => {
  const { table, changes } = setUp({ isAutomatic: false })
  const done: string[] = []
  const durably = (name: string, queueId: number) =>
    table.commitDurably('G', 'T', queueId, queueOffset(3), 'x').then(() => done.push(name))
  void durably('a', 0)
  void durably('b', 1)
  void durably('c', 2)
  await settled()
  assert.equal(table.get('G', 'T', 2), 3, 'known before it is durable')
  assert.deepEqual([changes.entries.length, done], [1, []])
  changes.settle()
  await settled()
  assert.deepEqual([changes.entries.length, done], [2, ['a']])
  changes.settle()
  await settled()
  assert.deepEqual([changes.entries.length, done], [2, ['a', 'b', 'c']])
  await durably('again', 0)
  assert.equal(changes.entries.length, 2, 'what is durable already needs no record')
})

test('a refused record fails those who wait and is tried again', async () => {
  const { table, changes, commit, advance, log } = setUp()
  changes.isRefusing = true
  await assert.rejects(table.commitDurably('G', 'T', 0, queueOffset(3), 'x'), { kind: 'unavailable' })
  commit(4, 1)
  for (let second = 0; second < 10; second++) {
    advance(1000)
    await settled()
  }
  assert.deepEqual(log.events('warn'), ['offsets.unwritten'], 'one line a minute')
  await assert.rejects(table.flush(), { kind: 'unavailable' })
  changes.isRefusing = false
  await table.flush()
  assert.match(changes.entries[0]?.text ?? '', /"T@G":\{"0":3,"1":4\}/)
  assert.equal(changes.entries.length, 1)
})

test('what is not committed is unknown, also between others', () => {
  const { table, commit } = setUp()
  commit(7, 3)
  table.pulled('G', 'T', 1, queueOffset(9))
  assert.equal(table.get('G', 'T', 0), undefined)
  assert.equal(table.get('G', 'T', 1), undefined)
  assert.equal(table.pullOffset('G', 'T', 1), 9)
  assert.equal(table.pullOffset('G', 'T', 0), undefined)
  assert.equal(table.get('G', 'U', 3), undefined)
  commit(0, 0)
  assert.equal(table.get('G', 'T', 0), 0)
})

test('M11: a smaller offset wins as in RocketMQ, and is counted', () => {
  const { table, commit } = setUp()
  commit(10)
  commit(4)
  assert.equal(table.get('G', 'T', 0), 4)
  assert.equal(table.backwardCommitCount, 1)
  commit(4)
  assert.equal(table.backwardCommitCount, 1)
})

test('M11: offsets that no consumer can have reached are told', () => {
  const range = { maxOffset: 10 }
  assert.deepEqual(
    [-1, 0, 10, 11, Number.MAX_SAFE_INTEGER].map((offset) => isCommittable(offset, range)),
    [false, true, true, false, false],
  )
})

test('a reset is committed durably and told to one pull', async () => {
  const { table, changes, commit } = setUp()
  commit(10)
  await table.reset('G', 'T', 0, queueOffset(2))
  assert.equal(table.get('G', 'T', 0), 2)
  assert.match(changes.entries[0]?.text ?? '', /"0":2/)
  assert.equal(table.pendingReset('G', 'T', 0), 2)
  assert.equal(table.takeReset('G', 'T', 1), undefined)
  assert.equal(table.takeReset('G', 'T', 0), 2)
  assert.equal(table.takeReset('G', 'T', 0), undefined)
})

test('deleting a group or a topic takes its offsets, also those on their way, and its resets', async () => {
  const { table, changes, commit, fresh } = setUp()
  commit(1, 0, 'G', 'T')
  commit(2, 0, 'G', 'U')
  commit(3, 0, 'H', 'T')
  await table.reset('H', 'T', 0, queueOffset(3))
  commit(4, 0, 'H', 'U')
  assert.deepEqual(table.groupsOf('T').sort(), ['G', 'H'])
  assert.deepEqual(table.topicsOf('G').sort(), ['T', 'U'])
  await table.deleteGroup('G')
  await table.deleteGroup('unknown')
  await table.deleteTopic('T')
  assert.deepEqual([table.groupsOf('T'), table.groupsOf('U')], [[], ['H']])
  assert.equal(table.pendingReset('H', 'T', 0), undefined)
  await table.flush()
  const restarted = fresh()
  changes.replayInto(restarted, undefined, 0)
  assert.equal(offsetsIn(restarted), offsetsIn(table))
  assert.equal(offsetsIn(table), '{"U@H":{"0":4}}')
})

test('a full table refuses new pairs of topic and group, and serves those it has', async () => {
  const { table, commit } = setUp({ pairsMax: 2 })
  commit(1, 0, 'G', 'T')
  commit(1, 0, 'G', 'U')
  commit(1, 0, 'G', 'V')
  commit(2, 0, 'G', 'T')
  assert.equal(table.get('G', 'V', 0), undefined)
  assert.equal(table.get('G', 'T', 0), 2)
  assert.equal(table.refusedCommitCount, 1)
  await assert.rejects(table.commitDurably('H', 'T', 0, queueOffset(1), 'x'), { code: 1, remark: /limit/ })
  await table.deleteTopic('U')
  commit(1, 0, 'G', 'V')
  assert.equal(table.get('G', 'V', 0), 1)
})

test('more than one record can hold goes out in slices with every tick', async () => {
  const { table, changes, advance } = setUp()
  for (let topic = 0; topic < 50; topic++)
    for (let queueId = 0; queueId < 100; queueId++)
      table.commit('G', `T${topic}`, queueId, queueOffset(queueId + 1), 'x')
  for (let tick = 0; tick < 4; tick++) {
    advance(100)
    await settled()
  }
  assert.equal(changes.entries.length, 3)
  const restarted = new OffsetTable({ clock: new ManualClock(), log: new MemoryLog() })
  changes.replayInto(restarted, undefined, 0)
  assert.equal(offsetsIn(restarted), offsetsIn(table))
})

test('reads RocketMQ’s own file, bare keys and all', () => {
  const { table } = setUp()
  table.restore(
    '{"dataVersion":{"counter":3,"stateVersion":0,"timestamp":17},' +
      '"offsetTable":{"%RETRY%G@G":{0:5},"T@G":{0:12,1:-1,3:9},"odd":{0:1}}}',
  )
  assert.equal(table.get('G', '%RETRY%G', 0), 5)
  assert.equal(table.get('G', 'T', 0), 12)
  assert.equal(table.get('G', 'T', 1), undefined, 'a negative offset is none')
  assert.equal(table.get('G', 'T', 3), 9)
  assert.throws(() => table.restore('{"offsetTable":'))
  assert.throws(() => table.restore(''))
})

test('offsets beyond the end of their queue are taken back to it at the start', async () => {
  const { table, changes, fresh, log } = setUp()
  table.restore('{"offsetTable":{"T@G":{0:5,1:10,3:11}}}')
  changes.maxOffset = 10
  table.attach(changes.store)
  assert.deepEqual(
    [0, 1, 2, 3].map((queueId) => table.get('G', 'T', queueId)),
    [5, 10, undefined, 10],
  )
  assert.deepEqual(log.events('warn'), ['offset.beyond-end'])
  await table.flush()
  const restarted = fresh()
  changes.replayInto(restarted, undefined, 0)
  assert.equal(offsetsIn(restarted), '{"T@G":{"3":10}}')
})

test('a change that is not understood is kept out', () => {
  const { table } = setUp()
  for (const change of [
    undefined,
    null,
    7,
    'x',
    {},
    { at: 1 },
    { at: 1, commit: 5 },
    { at: 1, commit: { 'T@G': 5 } },
    { at: 1, commit: { 'T@G': { 0: 'x' } } },
    { commit: { 'T@G': { 0: 1 } } },
  ])
    assert.equal(table.apply(change), false)
  assert.equal(
    table.snapshot(),
    new OffsetTable({ clock: new ManualClock(), log: new MemoryLog() }).snapshot(),
  )
})

/** The offsets of a table, in an order of their own. */
function offsetsIn(table: OffsetTable): string {
  const { offsetTable } = JSON.parse(table.snapshot()) as { offsetTable: Record<string, object> }
  return JSON.stringify(Object.fromEntries(Object.entries(offsetTable).sort()))
}

type Step =
  | { readonly kind: 'commit' | 'durable' | 'reset'; readonly at: readonly [number, number, number, number] }
  | { readonly kind: 'group' | 'topic'; readonly name: number }
  | { readonly kind: 'tick' | 'settle' | 'snapshot' | 'refuse' }

const place = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(3), fc.nat(20))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('commit' as const, 'durable' as const, 'reset' as const), at: place }),
  fc.record({ kind: fc.constantFrom('group' as const, 'topic' as const), name: fc.nat(2) }),
  fc.record({
    kind: fc.constantFrom('tick' as const, 'settle' as const, 'snapshot' as const, 'refuse' as const),
  }),
)

test('a restart from any snapshot and the records after it gives the offsets in memory', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { table, changes, advance, fresh } = setUp({ isAutomatic: false })
      const snapshots: { text: string; position: number }[] = []
      for (const one of steps) {
        if (one.kind === 'tick') advance(1000)
        else if (one.kind === 'settle') changes.settle()
        else if (one.kind === 'refuse') changes.isRefusing = !changes.isRefusing
        else if (one.kind === 'snapshot')
          snapshots.push({ text: table.snapshot(), position: changes.durableCount })
        else if (one.kind === 'group') table.deleteGroup(`G${one.name}`).catch(() => undefined)
        else if (one.kind === 'topic') table.deleteTopic(`T${one.name}`).catch(() => undefined)
        else if ('at' in one) {
          const [group, topic, queueId, offset] = one.at
          const to = [`G${group}`, `T${topic}`, queueId, queueOffset(offset)] as const
          if (one.kind === 'commit') table.commit(...to, 'x')
          else if (one.kind === 'durable') table.commitDurably(...to, 'x').catch(() => undefined)
          else table.reset(...to).catch(() => undefined)
        }
        await null
      }
      changes.isRefusing = false
      changes.isAutomatic = true
      changes.settle()
      await settled()
      await table.flush()
      for (const { text, position } of [{ text: undefined, position: 0 }, ...snapshots]) {
        const restarted = fresh()
        changes.replayInto(restarted, text, position)
        assert.equal(offsetsIn(restarted), offsetsIn(table))
      }
    }),
    { numRuns: 300 },
  )
})
