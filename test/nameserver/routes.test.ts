import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  content,
  queues,
  registration,
  routeTable,
  shownBrokers,
  shownRoutes,
} from '../support/nameserver-fixtures.ts'

const version = (counter: number, stateVersion = 0) => ({ counter, stateVersion, timestamp: 1000 })
const slave = (changes = {}) =>
  registration({ brokerAddr: '10.0.0.2:10911', haServerAddr: '10.0.0.2:10912', brokerId: 1, ...changes })

test('a master brings its topics', () => {
  const routes = routeTable()
  const outcome = routes.register(registration(), content('T1', 'T2'), false, 0)
  assert(outcome.kind === 'registered' && outcome.isNew)
  assert.equal(outcome.masterAddr, undefined)
  assert.deepEqual(shownBrokers(routes), { 'broker-a': { 0: '10.0.0.1:10911' } })
  assert.deepEqual(shownRoutes(routes), ['T1 on broker-a: 4/4 perm 6', 'T2 on broker-a: 4/4 perm 6'])
  assert.deepEqual(
    [...routes.brokers.clusters].map(([name, brokers]) => [name, [...brokers]]),
    [['C', ['broker-a']]],
  )
})

test('the first registration of an id with exactly one topic is refused and leaves no trace', () => {
  const routes = routeTable()
  assert.equal(routes.register(registration(), content('T1'), false, 0).kind, 'single-topic')
  assert.deepEqual(shownBrokers(routes), {})
  assert.equal(routes.brokers.clusters.size, 0)
  assert.equal(routes.register(registration(), content(), false, 0).kind, 'registered')
  assert.equal(routes.register(slave(), content('T1'), false, 0).kind, 'single-topic')
  // An id that is registered may bring a single topic, from the same address or from another one.
  assert.equal(
    routes.register(registration({ dataVersion: version(2) }), content('T9'), false, 0).kind,
    'registered',
  )
  assert.equal(
    routes.register(registration({ brokerAddr: '10.0.0.9:10911' }), content('T9'), false, 0).kind,
    'registered',
  )
})

test('a changed version takes over what the registration says, an equal one adds only what is missing', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), false, 0)
  routes.register(registration(), content(queues('T1', { perm: 4 }), 'T3'), false, 0)
  assert.deepEqual(shownRoutes(routes), [
    'T1 on broker-a: 4/4 perm 6',
    'T2 on broker-a: 4/4 perm 6',
    'T3 on broker-a: 4/4 perm 6',
  ])
  routes.register(
    registration({ dataVersion: version(2) }),
    content(queues('T1', { perm: 4 }), 'T3'),
    false,
    0,
  )
  assert.deepEqual(shownRoutes(routes), [
    'T1 on broker-a: 4/4 perm 4',
    'T2 on broker-a: 4/4 perm 6',
    'T3 on broker-a: 4/4 perm 6',
  ])
})

test('an equal body under an equal version need not be read, unless something happened in between', () => {
  const routes = routeTable()
  const first = registration()
  assert.equal(routes.isUnchanged(first), false)
  routes.register(first, content('T1', 'T2'), false, 0)
  assert.equal(routes.isUnchanged(first), true)
  assert.equal(routes.isUnchanged({ ...first, dataVersion: version(2) }), false)
  assert.equal(routes.isUnchanged({ ...first, fingerprint: '2' }), false)
  assert.equal(routes.isUnchanged({ ...first, brokerId: 1 }), false)
  assert.equal(routes.isUnchanged({ ...first, brokerName: 'broker-b' }), false)
  assert.equal(routes.isUnchanged({ ...first, brokerAddr: '10.0.0.3:10911' }), false)

  routes.deleteTopic('T1', undefined)
  assert.equal(routes.isUnchanged(first), false)
  routes.register(first, content('T1', 'T2'), false, 0)
  assert.equal(shownRoutes(routes).length, 2, 'the topic that the broker still has is back')
  assert.equal(routes.isUnchanged(first), true)

  routes.registerTopic('T3', [{ ...queues('T3'), brokerName: 'broker-a' }])
  assert.equal(routes.isUnchanged(first), false)
  routes.register(first, content('T1', 'T2'), false, 0)
  routes.register(slave(), content('T1', 'T2'), false, 0)
  assert.equal(routes.isUnchanged(first), false, 'another member came')
})

test('the bodies of one version that a broker splits its topics over are all known', () => {
  const routes = routeTable()
  const part = (fingerprint: string) => registration({ fingerprint })
  routes.register(part('1'), content('T1', 'T2'), false, 0)
  routes.register(part('2'), content('T3', 'T4'), false, 0)
  assert(routes.isUnchanged(part('1')) && routes.isUnchanged(part('2')))
  routes.register(part('1'), undefined, false, 0)
  assert(routes.isUnchanged(part('2')))
  routes.deleteTopic('T3', undefined)
  assert(!routes.isUnchanged(part('1')) && !routes.isUnchanged(part('2')))
  routes.register(part('1'), content('T1', 'T2'), false, 0)
  assert(routes.isUnchanged(part('1')) && !routes.isUnchanged(part('2')))
  routes.register(part('2'), content('T3', 'T4'), false, 0)
  assert.equal(shownRoutes(routes).length, 4)
  const next = { ...part('3'), dataVersion: version(2) }
  routes.register(next, content('T1', 'T2'), false, 0)
  assert(!routes.isUnchanged({ ...next, fingerprint: '1' }))
  // When each body says that it is all there is, only the newest one counts.
  routes.register({ ...next, fingerprint: '4' }, content('T5', 'T6'), true, 0)
  assert.equal(shownRoutes(routes).length, 2)
  assert(!routes.isUnchanged(next))
})

test('a registration without anything new refreshes liveness, connection, zone and HA address', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), false, 0)
  const newer = registration({
    connection: { second: true },
    zoneName: 'z',
    haServerAddr: 'h:1',
    heartbeatTimeoutMs: 7,
  })
  assert(routes.isUnchanged(newer))
  routes.register(newer, undefined, false, 500)
  const broker = routes.brokers.find('C', '10.0.0.1:10911')
  assert.equal(broker?.seenAtMs, 500)
  assert.equal(broker?.timeoutMs, 7)
  assert.equal(broker?.connection, newer.connection)
  assert.equal(broker?.haServerAddr, 'h:1')
  assert.equal(broker?.group.zoneName, 'z')
  assert.equal(shownRoutes(routes).length, 2)
})

test('a slave learns its master and changes no topic', () => {
  const routes = routeTable()
  const early = routes.register(slave(), content('T1', 'T2'), false, 0)
  assert(early.kind === 'registered')
  assert.equal(early.masterAddr, undefined)
  routes.register(registration(), content('T1', 'T2'), false, 0)
  const later = routes.register(
    slave({ dataVersion: version(9) }),
    content('T1', queues('T2', { perm: 2 }), 'T3'),
    false,
    0,
  )
  assert(later.kind === 'registered')
  assert.equal(later.masterAddr, '10.0.0.1:10911')
  assert.equal(later.masterHaServerAddr, '10.0.0.1:10912')
  assert.deepEqual(shownRoutes(routes), ['T1 on broker-a: 4/4 perm 6', 'T2 on broker-a: 4/4 perm 6'])
})

test('without a master the smallest id brings topics, read-only when it stands in for the master', () => {
  const plain = routeTable()
  plain.register(slave(), content('T1', 'T2'), false, 0)
  assert.deepEqual(shownRoutes(plain), ['T1 on broker-a: 4/4 perm 6', 'T2 on broker-a: 4/4 perm 6'])

  const acting = routeTable()
  acting.register(slave({ enableActingMaster: true }), content('T1', queues('T2', { perm: 7 })), false, 0)
  assert.deepEqual(shownRoutes(acting), ['T1 on broker-a: 4/4 perm 4', 'T2 on broker-a: 4/4 perm 5'])

  const old = routeTable()
  old.register(slave({ enableActingMaster: undefined }), content('T1', 'T2'), false, 0)
  assert.deepEqual(shownRoutes(old), [], 'brokers that do not know of acting masters do not')
})

test('a slave that became the master keeps its address once', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), false, 0)
  routes.register(slave(), content('T1', 'T2'), false, 0)
  routes.register(slave({ brokerId: 0, dataVersion: version(2, 1) }), content('T1', 'T2', 'T3'), false, 0)
  assert.deepEqual(shownBrokers(routes), { 'broker-a': { 0: '10.0.0.2:10911' } })
  assert.equal(routes.brokers.size, 1)
  assert.equal(routes.brokers.find('C', '10.0.0.1:10911'), undefined)
  assert.equal(shownRoutes(routes).length, 3)
})

test('an address that another broker name uses now leaves the old name', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), false, 0)
  routes.register(registration({ brokerName: 'broker-b' }), content('T1', 'T2'), false, 0)
  assert.deepEqual(shownBrokers(routes), { 'broker-b': { 0: '10.0.0.1:10911' } })
  assert.deepEqual(shownRoutes(routes), ['T1 on broker-b: 4/4 perm 6', 'T2 on broker-b: 4/4 perm 6'])
})

test('a lower state version does not take the id of a higher one', () => {
  const routes = routeTable()
  routes.register(registration({ dataVersion: version(1, 5) }), content('T1', 'T2'), false, 0)
  const late = registration({ brokerAddr: '10.0.0.7:10911', dataVersion: version(9, 4) })
  assert.deepEqual(routes.register(late, content('T1', 'T2', 'T3'), false, 0), {
    kind: 'outdated',
    heldBy: '10.0.0.1:10911',
  })
  assert.deepEqual(shownBrokers(routes), { 'broker-a': { 0: '10.0.0.1:10911' } })
  assert.equal(shownRoutes(routes).length, 2)
  const equal = routes.register({ ...late, dataVersion: version(9, 5) }, content('T1', 'T2'), false, 0)
  assert.equal(equal.kind, 'registered')
  assert.deepEqual(shownBrokers(routes), { 'broker-a': { 0: '10.0.0.7:10911' } })
})

test('a former slave with a lower state version loses its own place, too', () => {
  const routes = routeTable()
  routes.register(registration({ dataVersion: version(1, 5) }), content('T1', 'T2'), false, 0)
  routes.register(slave({ dataVersion: version(1, 4) }), content('T1', 'T2'), false, 0)
  routes.register(slave({ brokerId: 0, dataVersion: version(1, 4) }), content('T1', 'T2'), false, 0)
  assert.deepEqual(shownBrokers(routes), { 'broker-a': { 0: '10.0.0.1:10911' } })
})

test('queues go with the last address of a broker name', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), false, 0)
  routes.register(slave(), content('T1', 'T2'), false, 0)
  routes.register(
    registration({ brokerName: 'broker-b', brokerAddr: '10.0.1.1:10911' }),
    content('T2', 'T3'),
    false,
    0,
  )
  routes.unregister('C', 'broker-a', '10.0.0.1:10911')
  assert.deepEqual(shownBrokers(routes)['broker-a'], { 1: '10.0.0.2:10911' })
  assert.deepEqual(shownRoutes(routes).slice(0, 2), [
    'T1 on broker-a: 4/4 perm 6',
    'T2 on broker-a: 4/4 perm 6',
  ])
  routes.unregister('C', 'broker-a', '10.0.0.2:10911')
  assert.deepEqual(shownRoutes(routes), ['T2 on broker-b: 4/4 perm 6', 'T3 on broker-b: 4/4 perm 6'])
  routes.unregister('C', 'broker-b', '10.0.1.1:10911')
  assert.equal(routes.brokers.clusters.size, 0)
  assert.equal(routes.topics.size, 0)
  assert.equal(routes.topics.placementCount, 0)
})

test('when slaves may stand in for the master, its departure takes the write permission', () => {
  const routes = routeTable()
  routes.register(registration({ enableActingMaster: true }), content('T1', 'T2'), false, 0)
  routes.register(slave({ enableActingMaster: true }), content('T1', 'T2'), false, 0)
  routes.register(
    slave({ enableActingMaster: true, brokerId: 2, brokerAddr: '10.0.0.3:10911' }),
    content('T1', 'T2'),
    false,
    0,
  )
  const { smallestIdChanges } = routes.unregister('C', 'broker-a', '10.0.0.1:10911')
  assert.deepEqual(shownRoutes(routes), ['T1 on broker-a: 4/4 perm 4', 'T2 on broker-a: 4/4 perm 4'])
  assert.deepEqual(smallestIdChanges, [
    {
      brokerName: 'broker-a',
      smallestId: 1,
      smallestIdAddr: '10.0.0.2:10911',
      offlineAddr: '10.0.0.1:10911',
      haServerAddr: undefined,
      tell: ['10.0.0.2:10911', '10.0.0.3:10911'],
    },
  ])
  const back = routes.register(
    registration({ enableActingMaster: true, dataVersion: version(1) }),
    content('T1', 'T2'),
    false,
    0,
  )
  assert(back.kind === 'registered')
  assert.deepEqual(back.smallestIdChange?.tell, ['10.0.0.2:10911', '10.0.0.3:10911'])
  const again = routes.register(registration({ enableActingMaster: true }), content('T1', 'T2'), false, 0)
  assert(again.kind === 'registered' && again.smallestIdChange === undefined)
  assert.deepEqual(shownRoutes(routes), ['T1 on broker-a: 4/4 perm 6', 'T2 on broker-a: 4/4 perm 6'])
})

test('a closed connection removes the brokers that registered on it, but not those that moved to another one', () => {
  const routes = routeTable()
  const shared = { shared: true }
  routes.register(registration({ connection: shared }), content('T1', 'T2'), false, 0)
  routes.register(slave({ connection: shared }), content('T1', 'T2'), false, 0)
  const other = registration({ brokerName: 'broker-b', brokerAddr: '10.0.1.1:10911', connection: shared })
  routes.register(other, content('T1', 'T2'), false, 0)
  routes.register({ ...other, connection: { newer: true } }, undefined, false, 0)
  assert.equal(routes.connectionClosed(shared).removed.length, 2)
  assert.deepEqual(Object.keys(shownBrokers(routes)), ['broker-b'])
  assert.equal(routes.connectionClosed(shared).removed.length, 0)
})

test('silent brokers expire after their own time, or after 120 seconds', () => {
  const routes = routeTable()
  routes.register(registration({ heartbeatTimeoutMs: 10_000 }), content('T1', 'T2'), false, 0)
  routes.register(slave(), content('T1', 'T2'), false, 0)
  assert.equal(routes.expire(10_000).removed.length, 0)
  routes.brokers.touch('C', '10.0.0.1:10911', 5000)
  assert.equal(routes.expire(15_000).removed.length, 0)
  assert.deepEqual(
    routes.expire(15_001).removed.map(({ brokerId }) => brokerId),
    [0],
  )
  assert.equal(routes.expire(120_000).removed.length, 0)
  assert.equal(routes.expire(120_001).removed.length, 1)
  routes.brokers.touch('C', '10.0.0.1:10911', 200_000)
  assert.deepEqual(shownBrokers(routes), {})
})

test('unregistering under a wrong name or an unknown address changes nothing', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), false, 0)
  routes.unregister('C', 'broker-x', '10.0.0.1:10911')
  routes.unregister('D', 'broker-a', '10.0.0.1:10911')
  routes.unregister('C', 'broker-a', '10.0.0.1:1')
  assert.deepEqual(shownBrokers(routes), { 'broker-a': { 0: '10.0.0.1:10911' } })
})

test('write permission is taken and given for all topics of a broker name', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', queues('T2', { perm: 3 })), false, 0)
  routes.register(
    registration({ brokerName: 'broker-b', brokerAddr: '10.0.1.1:10911' }),
    content('T1', 'T3'),
    false,
    0,
  )
  assert.equal(routes.wipeWritePerm('broker-a'), 2)
  assert.deepEqual(shownRoutes(routes), [
    'T1 on broker-a: 4/4 perm 4',
    'T1 on broker-b: 4/4 perm 6',
    'T2 on broker-a: 4/4 perm 1',
    'T3 on broker-b: 4/4 perm 6',
  ])
  routes.register(registration(), undefined, false, 0)
  assert.equal(
    shownRoutes(routes)[0],
    'T1 on broker-a: 4/4 perm 4',
    'a repeated registration does not undo it',
  )
  assert.equal(routes.addWritePerm('broker-a'), 2)
  assert.equal(shownRoutes(routes)[2], 'T2 on broker-a: 4/4 perm 6')
  assert.equal(routes.wipeWritePerm('broker-x'), 0)
})

test('a topic is deleted everywhere or in one cluster', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), false, 0)
  routes.register(
    registration({ clusterName: 'D', brokerName: 'broker-d', brokerAddr: '10.0.1.1:10911' }),
    content('T1', 'T2'),
    false,
    0,
  )
  routes.deleteTopic('T1', 'D')
  routes.deleteTopic('T1', 'E')
  routes.deleteTopic('T9', undefined)
  routes.deleteTopic('T2', undefined)
  assert.deepEqual(shownRoutes(routes), ['T1 on broker-a: 4/4 perm 6'])
})

test('with deleteTopicWithBrokerRegistration a topic that is not listed any more goes', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), true, 0)
  routes.register(registration({ dataVersion: version(2) }), content('T2', 'T3'), true, 0)
  assert.deepEqual(shownRoutes(routes), ['T2 on broker-a: 4/4 perm 6', 'T3 on broker-a: 4/4 perm 6'])
})

test('single queue data are taken only when every broker is known', () => {
  const routes = routeTable()
  routes.register(registration(), content('T1', 'T2'), false, 0)
  assert.equal(
    routes.registerTopic('T3', [
      { ...queues('T3'), brokerName: 'broker-a' },
      { ...queues('T3'), brokerName: 'broker-x' },
    ]),
    false,
  )
  assert.equal(routes.topics.placementOf('T3'), undefined)
  assert.equal(routes.registerTopic('T3', [{ ...queues('T3'), brokerName: 'broker-a' }]), true)
  assert.equal(shownRoutes(routes).length, 3)
})

test('over the limit new topics are refused and counted, and the known ones stay and change', () => {
  const routes = routeTable({ topicsPerGroupMax: 3, topicsMax: 4, brokersMax: 2 })
  const over = routes.register(registration(), content('T1', 'T2', 'T3', 'T4'), false, 0)
  assert(over.kind === 'registered')
  assert.equal(over.topicsRefused, 1)
  assert.equal(routes.isUnchanged(registration()), false, 'the next registration tries again')
  routes.register(
    registration({ dataVersion: version(2) }),
    content(queues('T1', { perm: 4 }), 'T2', 'T3', 'T4'),
    false,
    0,
  )
  assert.equal(shownRoutes(routes)[0], 'T1 on broker-a: 4/4 perm 4')
  const b = registration({ brokerName: 'broker-b', brokerAddr: '10.0.1.1:10911' })
  const second = routes.register(b, content('T5', 'T6', 'T1'), false, 0)
  assert(second.kind === 'registered')
  assert.equal(second.topicsRefused, 1)
  assert.equal(routes.topics.size, 4)
  const third = routes.register(
    registration({ brokerName: 'broker-c', brokerAddr: '10.0.2.1:10911' }),
    content(),
    false,
    0,
  )
  assert.equal(third.kind, 'full')
  assert.equal(routes.register(b, content('T5', 'T1'), false, 0).kind, 'registered', 'known brokers go on')
})

test('the mapping of a static topic goes with its queues', () => {
  const routes = routeTable()
  const info = { topic: 'T1', totalQueues: 8, bname: 'broker-a' }
  routes.register(
    registration(),
    {
      ...content('T1', 'T2'),
      mappings: [
        ['T1', info],
        ['T9', info],
      ],
    },
    false,
    0,
  )
  assert.deepEqual(routes.topics.mappingsOf('T1')?.get('broker-a'), info)
  assert.equal(routes.topics.mappingsOf('T9'), undefined)
  routes.unregister('C', 'broker-a', '10.0.0.1:10911')
  assert.equal(routes.topics.mappingsOf('T1'), undefined)
})
