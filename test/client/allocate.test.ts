import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allocateAveragely, queueKey } from '../../client/allocate.ts'

const queues = (count: number, brokerName = 'a') =>
  Array.from({ length: count }, (_, queueId) => ({ topic: 't', brokerName, queueId }))

test('eight queues among three members give three, three and two, as Java allocates them', () => {
  const ids = ['c3', 'c1', 'c2']
  assert.deepEqual(
    allocateAveragely('c1', ids, queues(8)).map((queue) => queue.queueId),
    [0, 1, 2],
  )
  assert.deepEqual(
    allocateAveragely('c2', ids, queues(8)).map((queue) => queue.queueId),
    [3, 4, 5],
  )
  assert.deepEqual(
    allocateAveragely('c3', ids, queues(8)).map((queue) => queue.queueId),
    [6, 7],
  )
})

test('more members than queues leave the last ones without', () => {
  assert.equal(allocateAveragely('c1', ['c1', 'c2', 'c3'], queues(2)).length, 1)
  assert.deepEqual(allocateAveragely('c3', ['c1', 'c2', 'c3'], queues(2)), [])
})

test('a member that the broker does not know yet gets nothing', () => {
  assert.deepEqual(allocateAveragely('new', ['c1'], queues(4)), [])
})

test('whatever the members, every queue has exactly one owner', () => {
  const ids = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(ids, fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 9 }), (members, inA, inB) => {
      const all = [...queues(inA), ...queues(inB, 'b')]
      const owned = members.flatMap((member) => allocateAveragely(member, members, all).map(queueKey))
      assert.deepEqual(owned.sort(), all.map(queueKey).sort())
    }),
  )
})
