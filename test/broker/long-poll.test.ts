import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logPosition, queueOffset, timestamp } from '../../base/units.ts'
import { LongPolls, type ParkedPull, type WakeReason } from '../../broker/long-poll.ts'
import type { Peer } from '../../remoting/peer.ts'
import type { Arrival } from '../../store/store.ts'

interface FakePeer {
  readonly peer: Peer
  readonly listenerCount: () => number
  readonly close: () => void
}

let lastPeerId = 0

function fakePeer(): FakePeer {
  lastPeerId++
  const listeners: ((reason: string) => void)[] = []
  const state = { id: lastPeerId, isClosed: false }
  const peer = {
    ...state,
    get isClosed() {
      return state.isClosed
    },
    onClose(listener: (reason: string) => void) {
      if (state.isClosed) listener('closed already')
      else listeners.push(listener)
    },
  } as unknown as Peer
  return {
    peer,
    listenerCount: () => listeners.length,
    close() {
      state.isClosed = true
      for (const listener of listeners) listener('gone')
    },
  }
}

const arrival = (topic: string, queueId: number, offset: number, tagsCode = 0): Arrival => ({
  topic,
  queueId,
  queueOffset: queueOffset(offset),
  position: logPosition(0),
  sizeBytes: 100,
  tagsCode,
  storeTimestamp: timestamp(0),
  properties: '',
})

function parking(
  polls: LongPolls,
  overrides: Partial<ParkedPull> = {},
): { reasons: WakeReason[]; isParked: boolean } {
  const reasons: WakeReason[] = []
  const isParked = polls.park({
    topic: 'T',
    queueId: 0,
    offset: 0,
    matches: undefined,
    deadlineMs: 10_000,
    peer: fakePeer().peer,
    wake: (reason) => reasons.push(reason),
    ...overrides,
  })
  return { reasons, isParked }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a message of its queue wakes a pull once, after the turn in which it arrived', async () => {
  const polls = new LongPolls({ waitingMax: 10 })
  const { reasons } = parking(polls)
  const other = parking(polls, { queueId: 1 })
  polls.arrived(arrival('T', 0, 0))
  polls.arrived(arrival('T', 0, 1))
  assert.deepEqual(reasons, [], 'not from within the arrival')
  await turn()
  assert.deepEqual(reasons, ['arrival'])
  assert.deepEqual(other.reasons, [])
  assert.equal(polls.waitingCount, 1)
})

test('messages below the awaited offset or outside the filter leave a pull parked', async () => {
  const polls = new LongPolls({ waitingMax: 10 })
  const { reasons } = parking(polls, { offset: 5, matches: (code) => code === 7 })
  polls.arrived(arrival('T', 0, 4, 7))
  polls.arrived(arrival('T', 0, 5, 8))
  await turn()
  assert.deepEqual(reasons, [])
  polls.arrived(arrival('T', 0, 6, 7))
  await turn()
  assert.deepEqual(reasons, ['arrival'])
})

test('a pull is woken at its deadline and not before', () => {
  const polls = new LongPolls({ waitingMax: 10 })
  polls.tick(1000)
  const early = parking(polls, { deadlineMs: 2000 })
  const late = parking(polls, { deadlineMs: 20_000 })
  polls.tick(1999)
  assert.deepEqual(early.reasons, [])
  polls.tick(2130)
  assert.deepEqual(early.reasons, ['deadline'])
  assert.deepEqual(late.reasons, [])
  assert.equal(polls.waitingCount, 1)
})

test('a deadline that is over already is not parked', () => {
  const polls = new LongPolls({ waitingMax: 10 })
  polls.tick(5000)
  assert.equal(parking(polls, { deadlineMs: 4000 }).isParked, false)
})

test('pulls of a closed connection are freed at once, those of others stay', () => {
  const polls = new LongPolls({ waitingMax: 10 })
  const gone = fakePeer()
  const first = parking(polls, { peer: gone.peer })
  const second = parking(polls, { peer: gone.peer, queueId: 3 })
  const other = parking(polls)
  return turn().then(() => {
    gone.close()
    assert.deepEqual(first.reasons, ['closed'])
    assert.deepEqual(second.reasons, ['closed'])
    assert.deepEqual(other.reasons, [])
    assert.equal(polls.waitingCount, 1)
  })
})

test('a connection has one close listener however often it polls', async () => {
  const polls = new LongPolls({ waitingMax: 10 })
  const one = fakePeer()
  for (let round = 0; round < 5; round++) {
    parking(polls, { peer: one.peer })
    polls.arrived(arrival('T', 0, round))
    await turn()
  }
  assert.equal(polls.waitingCount, 0)
  assert.equal(one.listenerCount(), 1)
})

test('a pull of a connection that closed meanwhile is freed', async () => {
  const polls = new LongPolls({ waitingMax: 10 })
  const gone = fakePeer()
  gone.close()
  const { reasons } = parking(polls, { peer: gone.peer })
  await turn()
  assert.deepEqual(reasons, ['closed'])
  assert.equal(polls.waitingCount, 0)
})

test('the number of parked pulls is bounded', () => {
  const polls = new LongPolls({ waitingMax: 3 })
  for (let count = 0; count < 3; count++) assert.equal(parking(polls, { queueId: count }).isParked, true)
  assert.equal(parking(polls).isParked, false)
})

test('closing wakes all and parks nothing any more', () => {
  const polls = new LongPolls({ waitingMax: 10 })
  const { reasons } = parking(polls)
  polls.close()
  assert.deepEqual(reasons, ['stopping'])
  assert.equal(parking(polls).isParked, false)
})
