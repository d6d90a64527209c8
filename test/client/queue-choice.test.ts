import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseQueue, queueForKey } from '../../client/queue-choice.ts'

const queues = [
  { topic: 't', brokerName: 'a', queueId: 0 },
  { topic: 't', brokerName: 'a', queueId: 1 },
  { topic: 't', brokerName: 'b', queueId: 0 },
]

test('queues are taken in turn', () => {
  const chosen = [0, 1, 2, 3].map((turn) => chooseQueue(queues, turn, undefined))
  assert.deepEqual(chosen, [queues[0], queues[1], queues[2], queues[0]])
})

test('after a failure another broker is chosen where there is one', () => {
  for (const turn of [0, 1, 2]) assert.equal(chooseQueue(queues, turn, 'a')?.brokerName, 'b')
})

test('the only broker is chosen again even after it failed', () => {
  assert.equal(chooseQueue(queues.slice(0, 2), 5, 'a')?.brokerName, 'a')
})

test('no queue gives none', () => {
  assert.equal(chooseQueue([], 3, undefined), undefined)
  assert.equal(queueForKey([], 'k'), undefined)
})

test('a key finds the same queue each time, also where the hash is the smallest integer', () => {
  assert.equal(queueForKey(queues, 'order-1'), queueForKey(queues, 'order-1'))
  // "polygenelubricants".hashCode() is Integer.MIN_VALUE, whose absolute value does not fit an int.
  assert.ok(queueForKey(queues, 'polygenelubricants'))
})
