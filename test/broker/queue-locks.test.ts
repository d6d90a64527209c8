import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QueueLocks } from '../../broker/queue-locks.ts'

const queue = (queueId: number, topic = 'T') => ({ topic, queueId, brokerName: 'b' })

test('a queue belongs to the client that locked it first, until it unlocks', () => {
  const locks = new QueueLocks()
  assert.equal(locks.lock('G', 'a', queue(0), 0), true)
  assert.equal(locks.lock('G', 'b', queue(0), 1), false)
  assert.equal(locks.lock('G', 'b', queue(1), 1), true)
  assert.equal(locks.lock('H', 'b', queue(0), 1), true, 'another group has locks of its own')
  assert.equal(locks.isLockedBy('G', 'a', queue(0), 1), true)
  locks.unlock('G', 'a', queue(0))
  assert.equal(locks.isLockedBy('G', 'a', queue(0), 1), false)
  assert.equal(locks.lock('G', 'b', queue(0), 2), true)
})

test('a lock lives 60 s from its last renewal and can then be taken over', () => {
  const locks = new QueueLocks()
  locks.lock('G', 'a', queue(0), 0)
  assert.equal(locks.lock('G', 'a', queue(0), 50_000), true, 'renewed')
  assert.equal(locks.lock('G', 'b', queue(0), 110_000), false, 'exactly 60 s is still alive')
  assert.equal(locks.hasLiveLock('G', 110_000), true)
  assert.equal(locks.hasLiveLock('G', 110_001), false)
  assert.equal(locks.isLockedBy('G', 'a', queue(0), 110_001), false)
  assert.equal(locks.lock('G', 'b', queue(0), 110_001), true)
  assert.equal(locks.lock('G', 'a', queue(0), 110_002), false, 'the old owner has lost it')
})

test('M24: only the owner unlocks; unlocking what nobody holds is not an error', () => {
  const locks = new QueueLocks()
  locks.lock('G', 'a', queue(0), 0)
  locks.unlock('G', 'b', queue(0))
  locks.unlock('G', 'b', queue(7))
  locks.unlock('X', 'b', queue(0))
  assert.equal(locks.isLockedBy('G', 'a', queue(0), 0), true)
})

test('M24: the number of locks is bounded, and expired ones make room', () => {
  const locks = new QueueLocks({ locksMax: 3 })
  for (let id = 0; id < 3; id++) assert.equal(locks.lock('G', 'a', queue(id), 0), true)
  assert.equal(locks.lock('G', 'a', queue(3), 0), false)
  assert.equal(locks.lock('G', 'a', queue(2), 1), true, 'renewal needs no room')
  assert.equal(locks.lock('G', 'b', queue(0), 60_001), true, 'nor does a take-over')
  locks.tick(60_001)
  assert.equal(locks.size, 2, 'the renewed one and the one taken over live on')
  locks.tick(200_000)
  assert.equal(locks.size, 0)
  assert.equal(locks.lock('G', 'a', queue(3), 200_000), true)
})
