import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientTable, GROUPS_PER_CLIENT_MAX } from '../../broker/clients.ts'
import type { ConsumerData, SubscriptionData } from '../../remoting/bodies/heartbeat.ts'
import { FakePeer, ManualClock, MemoryLog } from '../support/broker-fakes.ts'

const subscription = (topic: string, subVersion = 1, subString = '*'): SubscriptionData => ({
  topic,
  subString,
  tagsSet: [],
  codeSet: [],
  subVersion,
  expressionType: 'TAG',
  classFilterMode: false,
})

const consumer = (
  subscriptionDataSet: readonly SubscriptionData[],
  more: Partial<ConsumerData> = {},
): ConsumerData => ({
  groupName: 'G',
  consumeType: 'CONSUME_PASSIVELY',
  messageModel: 'CLUSTERING',
  consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
  subscriptionDataSet,
  unitMode: false,
  ...more,
})

function setUp(settings: Partial<ConstructorParameters<typeof ClientTable>[0]['settings']> = {}) {
  const clock = new ManualClock()
  const log = new MemoryLog()
  const clients = new ClientTable({
    clock,
    log,
    settings: {
      channelExpiredTimeout: 120_000,
      notifyConsumerIdsChangedEnable: true,
      realTimeNotifyConsumerChange: true,
      ...settings,
    },
  })
  const beat = (
    peer: FakePeer,
    clientId: string,
    data = consumer([subscription('T')]),
    more: { keepsSubscriptions?: boolean; notifies?: boolean } = {},
  ) => clients.registerConsumer({ peer, clientId, data, keepsSubscriptions: false, notifies: true, ...more })
  const advance = (ms: number) => {
    clock.advance(ms)
    clients.tick(clock.steadyMs)
  }
  return { clock, log, clients, beat, advance }
}

const NOTICE = 'NOTIFY_CONSUMER_IDS_CHANGED {"consumerGroup":"G"}'

test('every member of a group is told when one joins, and when one leaves', () => {
  const { clients, beat, advance } = setUp()
  const [a, b] = [new FakePeer(), new FakePeer()]
  beat(a, 'a')
  assert.deepEqual(a.told, [NOTICE])
  advance(1000)
  beat(b, 'b')
  assert.deepEqual([a.told.length, b.told.length], [2, 1])
  assert.deepEqual([...clients.consumerIds('G')].sort(), ['a', 'b'])
  advance(1000)
  beat(a, 'a')
  beat(b, 'b')
  assert.deepEqual([a.told.length, b.told.length], [2, 1], 'a repeated heartbeat changes nothing')
  clients.unregisterConsumer(b, 'G')
  assert.deepEqual([a.told.length, b.told.length], [3, 1])
  assert.deepEqual(clients.consumerIds('G'), ['a'])
})

test('a closed connection takes its clients with it at once', () => {
  const { clients, beat, advance } = setUp()
  const [a, b] = [new FakePeer(), new FakePeer()]
  beat(a, 'a')
  beat(b, 'b')
  beat(b, 'b', consumer([], { groupName: 'H' }))
  clients.registerProducer(b, 'b', 'P')
  advance(1000)
  advance(1000)
  const told = a.told.length
  b.close('reset by peer')
  assert.deepEqual(clients.consumerIds('G'), ['a'])
  assert.equal(a.told.length, told + 1)
  assert.equal(clients.group('H'), undefined)
  assert.deepEqual(clients.producersOf('P'), [])
  beat(b, 'b')
  assert.deepEqual(clients.consumerIds('G'), ['a'], 'a heartbeat that comes after the end joins nobody')
})

test('the connection is the identity: one id on two connections is two members and one id', () => {
  const { clients, beat, log } = setUp()
  const [old, fresh] = [new FakePeer(), new FakePeer()]
  beat(old, 'same')
  beat(fresh, 'same')
  assert.deepEqual(clients.consumerIds('G'), ['same'])
  assert.equal(clients.group('G')?.members.size, 2)
  assert.equal(clients.duplicateIdCount, 1, 'M20: counted')
  assert.deepEqual(log.events('warn'), ['client.duplicate-id'])
  old.close('stale')
  assert.deepEqual(clients.consumerIds('G'), ['same'])
})

test('subscriptions follow the rules of subVersion', () => {
  const { clients, beat } = setUp()
  const peer = new FakePeer()
  beat(peer, 'a', consumer([subscription('T', 5, 'old'), subscription('U', 5)]))
  beat(peer, 'a', consumer([subscription('T', 4, 'older'), subscription('U', 5)]))
  assert.equal(clients.subscription('G', 'T')?.subString, 'old', 'a smaller version does not replace')
  beat(peer, 'a', consumer([subscription('T', 5, 'equal'), subscription('U', 5)]))
  assert.equal(clients.subscription('G', 'T')?.subString, 'old', 'nor does an equal one')
  beat(peer, 'a', consumer([subscription('T', 6, 'new'), subscription('V', 1)]))
  assert.equal(clients.subscription('G', 'T')?.subString, 'new')
  assert.equal(clients.subscription('G', 'U'), undefined, 'no longer listed')
  assert.equal(clients.subscription('G', 'V')?.subVersion, 1)
})

test('members are told of topics that come or go, not of newer versions', () => {
  const { beat, advance } = setUp()
  const peer = new FakePeer()
  beat(peer, 'a', consumer([subscription('T', 1)]))
  const step = (...subscriptions: SubscriptionData[]) => {
    advance(1000)
    const before = peer.told.length
    beat(peer, 'a', consumer(subscriptions))
    return peer.told.length - before
  }
  assert.equal(step(subscription('T', 2)), 0)
  assert.equal(step(subscription('T', 2), subscription('U')), 1)
  assert.equal(step(subscription('U')), 1)
})

test('heartbeat v2 without subscriptions keeps those that are known', () => {
  const { clients, beat } = setUp()
  const peer = new FakePeer()
  assert.equal(clients.takeFingerprint('G', 7, false), false)
  beat(peer, 'a', consumer([subscription('T')]))
  assert.equal(clients.takeFingerprint('G', 7, true), false)
  beat(peer, 'a', consumer([]), { keepsSubscriptions: true })
  assert.ok(clients.subscription('G', 'T'))
  assert.equal(clients.takeFingerprint('G', 7, false), false)
  assert.equal(clients.takeFingerprint('G', 8, false), true, 'another client has other subscriptions')
})

test('heartbeat v2: a broker that was restarted asks for the subscriptions again', () => {
  const { clients, beat } = setUp()
  const peer = new FakePeer()
  assert.equal(clients.takeFingerprint('G', 7, true), true)
  beat(peer, 'a', consumer([]), { keepsSubscriptions: true })
  assert.deepEqual(clients.consumerIds('G'), ['a'], 'the client itself is known all the same')
  assert.equal(clients.takeFingerprint('G', 7, true), true)
})

test('a client that is silent for channelExpiredTimeout is dropped, told of, and its connection closed', () => {
  const { clients, beat, advance } = setUp()
  const [a, b] = [new FakePeer(), new FakePeer()]
  beat(a, 'a')
  beat(b, 'b')
  clients.registerProducer(b, 'b', 'P')
  advance(100_000)
  beat(a, 'a')
  advance(20_000)
  assert.equal(clients.consumerIds('G').length, 2, 'exactly 120 s is still in time')
  const told = a.told.length
  advance(10_000)
  assert.deepEqual(clients.consumerIds('G'), ['a'])
  assert.deepEqual(clients.producersOf('P'), [])
  assert.equal(a.told.length, told + 1)
  assert.equal(b.closeReason, 'no heartbeat for 120000 ms')
  assert.equal(a.closeReason, undefined)
})

test('a connection that is silent in one group and alive in another stays open', () => {
  const { clients, beat, advance } = setUp()
  const peer = new FakePeer()
  beat(peer, 'a')
  for (let at = 0; at < 4; at++) {
    beat(peer, 'a', consumer([], { groupName: 'H' }))
    advance(50_000)
  }
  assert.equal(clients.group('G'), undefined)
  assert.deepEqual(clients.consumerIds('H'), ['a'])
  assert.equal(peer.isClosed, false)
})

test('a client that has unregistered everything is not closed for its silence', () => {
  const { clients, beat, advance } = setUp()
  const peer = new FakePeer()
  beat(peer, 'a')
  clients.unregisterConsumer(peer, 'G')
  advance(500_000)
  assert.equal(peer.isClosed, false)
})

test('M19: a storm of changes becomes two notices a second', () => {
  const { beat, advance } = setUp()
  const watcher = new FakePeer()
  beat(watcher, 'w')
  for (let change = 0; change < 1000; change++) {
    beat(watcher, 'w', consumer([subscription(`T${change % 2}`, change)]))
    advance(10)
  }
  assert.ok(watcher.told.length >= 19 && watcher.told.length <= 22, `${watcher.told.length} in 10 s`)
  advance(500)
  const settled = watcher.told.length
  advance(5000)
  assert.equal(watcher.told.length, settled, 'the last change was told, then there is quiet')
})

test('M19: the last of several changes is never lost', () => {
  const { beat, advance } = setUp()
  const [a, b] = [new FakePeer(), new FakePeer()]
  beat(a, 'a')
  beat(b, 'b')
  assert.equal(a.told.length, 1, 'the second change waits')
  advance(500)
  assert.deepEqual([a.told.length, b.told.length], [2, 1])
})

test('M19: the larger the group, the farther apart the notices, but a change is told within 15 s', () => {
  const { beat, advance } = setUp()
  const peers = Array.from({ length: 2000 }, () => new FakePeer())
  for (const [index, peer] of peers.entries()) beat(peer, `c${index}`)
  const [first] = peers
  for (let tenth = 0; tenth < 75; tenth++) advance(100)
  assert.equal(first?.told.length, 1, 'the first member alone was told at once')
  advance(500)
  assert.equal(first?.told.length, 2)
  assert.ok(peers.every((peer) => peer.told.length >= 1))
})

test('nobody is told in a broadcasting group, or where group or broker say so', () => {
  for (const [settings, data, notifies] of [
    [{}, consumer([], { messageModel: 'BROADCASTING' }), true],
    [{}, consumer([]), false],
    [{ notifyConsumerIdsChangedEnable: false }, consumer([]), true],
  ] as const) {
    const { beat, advance } = setUp(settings)
    const peer = new FakePeer()
    beat(peer, 'a', data, { notifies })
    advance(60_000)
    assert.deepEqual(peer.told, [])
  }
})

test('realTimeNotifyConsumerChange=false gathers changes for 15 s', () => {
  const { beat, advance } = setUp({ realTimeNotifyConsumerChange: false })
  const [a, b] = [new FakePeer(), new FakePeer()]
  beat(a, 'a')
  advance(10_000)
  beat(b, 'b')
  advance(4000)
  assert.deepEqual([a.told.length, b.told.length], [0, 0])
  advance(1000)
  assert.deepEqual([a.told.length, b.told.length], [1, 1])
})

test('M19: a connection is in at most 1,000 groups', () => {
  const { clients, beat } = setUp()
  const peer = new FakePeer()
  for (let index = 0; index < GROUPS_PER_CLIENT_MAX; index++) clients.registerProducer(peer, 'a', `P${index}`)
  assert.throws(() => beat(peer, 'a'), { code: 29, remark: /limit/ })
  assert.equal(clients.group('G'), undefined)
  clients.registerProducer(peer, 'a', 'P0')
  clients.unregisterProducer(peer, 'P0')
  beat(peer, 'a')
})

test('M20: contradicting subscriptions are counted and warned of once a minute; the last one counts', () => {
  const { clients, beat, advance, log } = setUp()
  const [a, b] = [new FakePeer(), new FakePeer()]
  for (let round = 0; round < 6; round++) {
    beat(a, 'a', consumer([subscription('T')]))
    beat(b, 'b', consumer([subscription('U')]))
    advance(30_000)
  }
  assert.equal(clients.subscription('G', 'T'), undefined)
  assert.ok(clients.subscription('G', 'U'))
  assert.equal(clients.contradictionCount, 11)
  assert.equal(log.events('warn').length, 3)
})

test('consumers with equal subscriptions in another order contradict nobody', () => {
  const { clients, beat } = setUp()
  beat(new FakePeer(), 'a', consumer([subscription('T', 1), subscription('U', 1)]))
  beat(new FakePeer(), 'b', consumer([subscription('U', 9), subscription('T', 9)]))
  assert.equal(clients.contradictionCount, 0)
})
