import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PlacementEdit, PlacementTable, queueDataOn } from '../../nameserver/placements.ts'
import { TopicTable } from '../../nameserver/topics.ts'
import { queues } from '../support/nameserver-fixtures.ts'

const data = (brokerName: string, perm = 6) => ({
  brokerName,
  readQueueNums: 4,
  writeQueueNums: 4,
  perm,
  topicSysFlag: 0,
})

test('topics that lie alike share one placement, whatever the order of the brokers', () => {
  const table = new PlacementTable()
  const edit = new PlacementEdit(table)
  const a = table.queueDataOf(data('a'))
  const b = table.queueDataOf(data('b'))
  const ab = edit.put(edit.put(undefined, a), b)
  const ba = edit.put(edit.put(undefined, b), a)
  assert.equal(ab, ba)
  assert.deepEqual(
    ab.queueData.map(({ brokerName }) => brokerName),
    ['a', 'b'],
  )
  assert.equal(queueDataOn(ab, 'b'), b)
  assert.equal(queueDataOn(ab, 'c'), undefined)
  edit.end()
})

test('a placement that nothing uses is forgotten together with its queue data', () => {
  const table = new PlacementTable()
  const edit = new PlacementEdit(table)
  const placement = edit.put(undefined, table.queueDataOf(data('a')))
  edit.end()
  assert.equal(table.size, 1)
  table.release(placement)
  assert.equal(table.size, 0)
  assert.equal(table.queueDataSize, 0)
})

test('a placement of an edit stays the same object until the edit ends, even when no topic has it for a while', () => {
  const table = new PlacementTable()
  const edit = new PlacementEdit(table)
  const wipe = table.queueDataOf(data('a', 4))
  const first = edit.put(undefined, table.queueDataOf(data('a')))
  const second = edit.put(first, wipe)
  table.release(first)
  const third = edit.put(undefined, table.queueDataOf(data('a')))
  assert.equal(third, first)
  table.release(second)
  table.release(third)
  edit.end()
  assert.equal(table.size, 0)
})

const brokerName = fc.constantFrom('a', 'b', 'c', 'd')
const topicName = fc.constantFrom('t1', 't2', 't3', 't4', 't5')
const perm = fc.constantFrom(2, 4, 6)
const step = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    brokerName,
    topics: fc.array(topicName),
    perm,
    onlyMissing: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('remove' as const), topicName, brokers: fc.option(fc.array(brokerName)) }),
  fc.record({
    kind: fc.constant('removeBroker' as const),
    brokerName,
    except: fc.option(fc.array(topicName)),
  }),
  fc.record({ kind: fc.constant('setPerm' as const), brokerName, perm }),
)

test('the topic table does what a plain map of maps does, and forgets what nothing uses', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new TopicTable({ topicsPerGroupMax: 100, topicsMax: 100 })
      const model = new Map<string, Map<string, number>>()
      const drop = (topic: string, name: string): void => {
        model.get(topic)?.delete(name)
        if (model.get(topic)?.size === 0) model.delete(topic)
      }
      for (const action of steps) {
        if (action.kind === 'put') {
          table.putAll(
            action.brokerName,
            action.topics.map((name) => queues(name, { perm: action.perm })),
            action.onlyMissing,
          )
          for (const topic of action.topics) {
            const on = model.get(topic) ?? new Map<string, number>()
            model.set(topic, on)
            if (!action.onlyMissing || !on.has(action.brokerName)) on.set(action.brokerName, action.perm)
          }
        } else if (action.kind === 'remove') {
          table.remove(action.topicName, action.brokers ?? undefined)
          for (const name of action.brokers ?? ['a', 'b', 'c', 'd']) drop(action.topicName, name)
        } else if (action.kind === 'removeBroker') {
          const except = action.except === null ? undefined : new Set<string>(action.except)
          table.removeBroker(action.brokerName, except)
          for (const topic of [...model.keys()])
            if (except === undefined || !except.has(topic)) drop(topic, action.brokerName)
        } else {
          const count = table.setPerm(action.brokerName, () => action.perm)
          const on = [...model.values()].filter((names) => names.has(action.brokerName))
          assert.equal(count, on.length)
          for (const names of on) names.set(action.brokerName, action.perm)
        }
      }
      const shown = [...table.entries()].map(([topic, placement]) => [
        topic,
        Object.fromEntries(placement.queueData.map((entry) => [entry.brokerName, entry.perm])),
      ])
      assert.deepEqual(
        Object.fromEntries(shown),
        Object.fromEntries([...model].map(([topic, on]) => [topic, Object.fromEntries(on)])),
      )
      for (const name of ['a', 'b', 'c', 'd'])
        assert.equal(table.countOf(name), [...model.values()].filter((on) => on.has(name)).length)
      const distinct = new Set([...model.values()].map((on) => JSON.stringify([...on].sort())))
      assert.equal(table.placementCount, distinct.size)
    }),
    { numRuns: 300 },
  )
})
