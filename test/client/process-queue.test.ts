import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ReceivedMessage } from '../../client/message.ts'
import { ProcessQueue } from '../../client/process-queue.ts'

const message = (queueOffset: number): ReceivedMessage => ({
  topic: 't',
  queue: { topic: 't', brokerName: 'a', queueId: 0 },
  queueOffset,
  messageId: '',
  offsetMessageId: '',
  body: Buffer.alloc(10),
  bodyProblem: undefined,
  tags: undefined,
  keys: [],
  properties: {},
  flag: 0,
  reconsumeTimes: 0,
  bornTimestamp: 0,
  storeTimestamp: 0,
  logPosition: 0,
})

test('the commit offset is that of the first message which is not done', () => {
  const queue = new ProcessQueue(5)
  queue.add([message(5), message(6), message(8)], 9)
  assert.equal(queue.commitOffset, 5)
  const [a, b, c] = queue.take(3)
  assert.ok(a && b && c)
  queue.finish(b)
  queue.finish(c)
  assert.equal(queue.commitOffset, 5)
  queue.finish(a)
  assert.equal(queue.commitOffset, 9)
  assert.equal(queue.bytes, 0)
})

test('filtered messages move the commit offset when nothing is open', () => {
  const queue = new ProcessQueue(0)
  queue.add([], 100)
  assert.equal(queue.commitOffset, 100)
})

test('a message put back is handed out first again', () => {
  const queue = new ProcessQueue(0)
  queue.add([message(0), message(1)], 2)
  const first = queue.take(1)
  queue.putBack(first)
  assert.deepEqual(
    queue.take(2).map(({ queueOffset }) => queueOffset),
    [0, 1],
  )
})

test('in any order of finishing, the commit offset never passes an open message and ends at the end', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(20).keys()], { minLength: 20 }), (order) => {
      const queue = new ProcessQueue(0)
      queue.add(
        [...Array(20).keys()].map((offset) => message(offset)),
        20,
      )
      const taken = queue.take(20)
      const open = new Set(order)
      for (const index of order) {
        const next = taken[index]
        assert.ok(next)
        queue.finish(next)
        open.delete(index)
        assert.equal(queue.commitOffset, open.size === 0 ? 20 : Math.min(...open))
        assert.equal(queue.openCount, open.size)
      }
    }),
  )
})
