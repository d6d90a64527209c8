import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNameservers } from '../../client/client.ts'
import { hasTag } from '../../client/pull.ts'
import { backOffMs, isRetryableCode } from '../../client/retry.ts'
import { routeForNewTopic, routeOf } from '../../client/routes.ts'

const broker = (brokerName: string, brokerAddrs: Record<string, string>) => ({
  cluster: 'c',
  brokerName,
  brokerAddrs,
  enableActingMaster: false,
})
const queues = (brokerName: string, perm: number) => ({
  brokerName,
  perm,
  readQueueNums: 2,
  writeQueueNums: 1,
  topicSysFlag: 0,
})

test('queues for sending need the write bit and a master, queues for reading the read bit', () => {
  const route = routeOf('t', {
    brokerDatas: [broker('a', { '0': 'h:1' }), broker('b', { '1': 'h:2' }), broker('c', { '0': 'h:3' })],
    queueDatas: [queues('a', 6), queues('b', 6), queues('c', 4), queues('unknown', 6)],
    filterServerTable: {},
  })
  assert.deepEqual(
    route.publishQueues.map((queue) => queue.brokerName),
    ['a'],
  )
  assert.deepEqual(
    route.subscribeQueues.map((queue) => `${queue.brokerName}${queue.queueId}`),
    ['a0', 'a1', 'b0', 'b1', 'c0', 'c1'],
  )
})

test('a topic that its first send makes borrows at most the wanted number of queues', () => {
  const template = routeOf('TBW102', {
    brokerDatas: [broker('a', { '0': 'h:1' })],
    queueDatas: [{ ...queues('a', 7), writeQueueNums: 8 }],
    filterServerTable: {},
  })
  const route = routeForNewTopic('new', template, 4)
  assert.equal(route.publishQueues.length, 4)
  assert.ok(route.publishQueues.every((queue) => queue.topic === 'new'))
})

test('nameserver lists take semicolons, commas and a default port', () => {
  assert.deepEqual(parseNameservers('a:1; b,c:3'), ['a:1', 'b:9876', 'c:3'])
  assert.throws(() => parseNameservers(' ; '), /no nameserver address/)
})

test('tags are compared by their text', () => {
  assert.equal(hasTag('*', undefined), true)
  assert.equal(hasTag('a || b', 'b'), true)
  assert.equal(hasTag('a || b', 'c'), false)
  assert.equal(hasTag('a', undefined), false)
})

test('pauses between attempts double up to a second, with chance in their upper half', () => {
  assert.equal(backOffMs(1, 0), 5)
  assert.equal(backOffMs(1, 1), 10)
  assert.equal(backOffMs(20, 1), 1000)
  assert.ok(isRetryableCode(2) && !isRetryableCode(13))
})
