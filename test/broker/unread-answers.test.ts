import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UNREAD_BYTES_MAX, UnreadAnswers } from '../../broker/unread-answers.ts'
import { FakePeer } from '../support/broker-fakes.ts'

test('reads under way, answers that leave and what the peer has not taken count together, each connection by itself', async () => {
  const unread = new UnreadAnswers()
  const peer = new FakePeer()
  const half = UNREAD_BYTES_MAX / 2
  unread.reading(peer, half)
  unread.leaving(peer, half)
  assert.equal(unread.isTooMuch(peer), false)
  unread.leaving(peer, 1)
  assert.equal(unread.isTooMuch(peer), true)
  assert.equal(unread.isTooMuch(new FakePeer()), false)
  // By the next turn what was leaving stands in the outbox, where the peer shows it.
  await new Promise(setImmediate)
  assert.equal(unread.isTooMuch(peer), false)
  unread.reading(peer, half + 1)
  assert.equal(unread.isTooMuch(peer), true)
  unread.read(peer, half)
  assert.equal(unread.isTooMuch(peer), false)
  const full = Object.assign(new FakePeer(), { unsentBytes: UNREAD_BYTES_MAX + 1 })
  assert.equal(unread.isTooMuch(full), true)
})
