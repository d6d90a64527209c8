import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RouteAnswers, type RouteView } from '../../nameserver/route-answer.ts'
import { content, queues, registration, routeTable } from '../support/nameserver-fixtures.ts'

const standard: RouteView = { isStandardJson: true, showsActingMaster: false, zoneName: undefined }
const bare: RouteView = { ...standard, isStandardJson: false }
const acting: RouteView = { ...standard, showsActingMaster: true }

const slave = (changes = {}) => registration({ brokerAddr: '10.0.0.2:10911', brokerId: 1, ...changes })

function answers(bytesMax = 1_000_000) {
  const routes = routeTable()
  const made = new RouteAnswers(routes, bytesMax)
  const text = (topic: string, view = standard, orderTopicConf?: string): string | undefined => {
    const body = made.answer(topic, view, orderTopicConf)
    return body === undefined ? undefined : Buffer.concat(body).toString()
  }
  return { routes, made, text }
}

test('a route is standard JSON, or has bare broker ids as fastjson writes them', () => {
  const { routes, text } = answers()
  routes.register(registration(), content('T', 'U'), false, 0)
  routes.register(slave(), content('T', 'U'), false, 0)
  const around = (addresses: string): string =>
    `{"brokerDatas":[{"brokerAddrs":{${addresses}},"brokerName":"broker-a","cluster":"C","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}`
  assert.equal(text('T'), around('"0":"10.0.0.1:10911","1":"10.0.0.2:10911"'))
  assert.equal(text('T', bare), around('0:"10.0.0.1:10911",1:"10.0.0.2:10911"'))
  assert.equal(text('V'), undefined)
})

test('the order configuration and the mapping of a static topic stand in the answer of that topic alone', () => {
  const { routes, text } = answers()
  routes.register(
    registration({ brokerName: 'b"queueDatas":[' }),
    { ...content('T', 'U'), mappings: [['T', { totalQueues: 8 }]] },
    false,
    0,
  )
  const plain = text('U') ?? ''
  assert.equal(
    text('U', standard, 'a:4'),
    plain.replace(',"queueDatas":[{', ',"orderTopicConf":"a:4","queueDatas":[{'),
  )
  const mapping = ',"topicQueueMappingByBroker":{"b\\"queueDatas\\":[":{"totalQueues":8}}}'
  assert.equal(
    text('T'),
    plain.replace(/\}$/, () => mapping),
  )
  assert.deepEqual(Object.keys(JSON.parse(text('T', standard, 'a:4') ?? '')), [
    'brokerDatas',
    'filterServerTable',
    'orderTopicConf',
    'queueDatas',
    'topicQueueMappingByBroker',
  ])
})

test('answers follow every change of brokers and topics', () => {
  const { routes, text } = answers()
  const shown = (): unknown => {
    const json = text('T')
    if (json === undefined) return undefined
    const { brokerDatas, queueDatas } = JSON.parse(json)
    return [
      brokerDatas.map((data: Record<string, unknown>) => [
        data.brokerName,
        data.brokerAddrs,
        data.zoneName ?? '-',
      ]),
      queueDatas.map((data: Record<string, unknown>) => [data.brokerName, data.perm]),
    ]
  }
  assert.equal(shown(), undefined)
  routes.register(registration(), content('T', 'U'), false, 0)
  assert.deepEqual(shown(), [[['broker-a', { 0: '10.0.0.1:10911' }, '-']], [['broker-a', 6]]])
  routes.register(slave({ zoneName: 'z' }), content('T', 'U'), false, 0)
  assert.deepEqual(shown(), [
    [['broker-a', { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911' }, 'z']],
    [['broker-a', 6]],
  ])
  routes.register(
    slave({ brokerAddr: '10.0.0.3:10911', brokerId: 2, zoneName: 'z' }),
    content('T', 'U'),
    false,
    0,
  )
  assert.deepEqual(shown(), [
    [['broker-a', { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911', 2: '10.0.0.3:10911' }, 'z']],
    [['broker-a', 6]],
  ])
  routes.unregister('C', 'broker-a', '10.0.0.3:10911')
  assert.deepEqual(shown(), [
    [['broker-a', { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911' }, 'z']],
    [['broker-a', 6]],
  ])
  routes.wipeWritePerm('broker-a')
  routes.register(
    registration({ brokerName: 'broker-0', brokerAddr: '10.0.1.1:10911' }),
    content('T', 'V'),
    false,
    0,
  )
  assert.deepEqual(shown(), [
    [
      ['broker-0', { 0: '10.0.1.1:10911' }, '-'],
      ['broker-a', { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911' }, 'z'],
    ],
    [
      ['broker-0', 6],
      ['broker-a', 4],
    ],
  ])
  routes.unregister('C', 'broker-a', '10.0.0.1:10911')
  routes.unregister('C', 'broker-0', '10.0.1.1:10911')
  assert.deepEqual(shown(), [[['broker-a', { 1: '10.0.0.2:10911' }, 'z']], [['broker-a', 4]]])
  routes.deleteTopic('T', undefined)
  assert.equal(shown(), undefined)
})

test('topics that lie alike share the bytes', () => {
  const { routes, made } = answers()
  routes.register(registration(), content('T', 'U'), false, 0)
  assert.equal(made.answer('T', standard, undefined)?.[0], made.answer('U', standard, undefined)?.[0])
  assert.notEqual(made.answer('T', bare, undefined)?.[0], made.answer('U', standard, undefined)?.[0])
})

test('without a master the smallest id is shown as one where it stands in for it and the topic is read-only', () => {
  const { routes, text } = answers()
  const addresses = (topic: string, view: RouteView): unknown =>
    JSON.parse(text(topic, view) ?? 'null').brokerDatas[0].brokerAddrs
  const member = 'rmq_sys_SYNC_BROKER_MEMBER_broker-a'
  routes.register(slave({ enableActingMaster: true }), content(member, 'T'), false, 0)
  routes.register(
    slave({ enableActingMaster: true, brokerId: 2, brokerAddr: '10.0.0.3:10911' }),
    content('T', 'U'),
    false,
    0,
  )
  assert.deepEqual(addresses('T', standard), { 1: '10.0.0.2:10911', 2: '10.0.0.3:10911' })
  assert.deepEqual(addresses('T', acting), { 0: '10.0.0.2:10911', 2: '10.0.0.3:10911' })
  assert.deepEqual(addresses(member, acting), { 1: '10.0.0.2:10911', 2: '10.0.0.3:10911' })
  routes.addWritePerm('broker-a')
  assert.deepEqual(addresses('T', acting), { 1: '10.0.0.2:10911', 2: '10.0.0.3:10911' })
  routes.wipeWritePerm('broker-a')
  routes.register(registration({ enableActingMaster: true }), content('T', 'U'), false, 0)
  assert.deepEqual(addresses('U', acting), { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911', 2: '10.0.0.3:10911' })

  const plain = answers()
  plain.routes.register(slave(), content('T', queues('U', { perm: 4 })), false, 0)
  assert.match(plain.text('U', acting) ?? '', /"brokerAddrs":\{"1":/)
})

test('a zone shows its own brokers and those without a master', () => {
  const { routes, text } = answers()
  const east = registration({ zoneName: 'East', brokerName: 'e', brokerAddr: '10.1.0.1:1' })
  const west = registration({ zoneName: 'west', brokerName: 'w', brokerAddr: '10.2.0.1:1' })
  const orphan = registration({ zoneName: 'west', brokerName: 'o', brokerAddr: '10.3.0.1:1', brokerId: 1 })
  const none = registration({ brokerName: 'n', brokerAddr: '10.4.0.1:1' })
  for (const broker of [east, west, orphan, none]) routes.register(broker, content('T', 'U'), false, 0)
  const names = (zoneName: string | undefined): unknown => {
    const route = JSON.parse(text('T', { ...standard, zoneName }) ?? 'null')
    const queueNames = route.queueDatas.map((data: { brokerName: string }) => data.brokerName)
    assert.deepEqual(
      route.brokerDatas.map((data: { brokerName: string }) => data.brokerName),
      queueNames,
    )
    return queueNames
  }
  assert.deepEqual(names(undefined), ['e', 'n', 'o', 'w'])
  assert.deepEqual(names('EAST'), ['e', 'o'])
  assert.deepEqual(names('west'), ['o', 'w'])
  assert.deepEqual(names('nowhere'), ['o'])
})

test('filter servers of a broker are shown while it has some', () => {
  const { routes, text } = answers()
  routes.register(registration(), { ...content('T', 'U'), filterServers: ['f:1'] }, false, 0)
  assert.match(text('T') ?? '', /"filterServerTable":\{"10\.0\.0\.1:10911":\["f:1"\]\}/)
  routes.register(
    registration({ dataVersion: { counter: 2, stateVersion: 0, timestamp: 1 } }),
    content('T', 'U'),
    false,
    0,
  )
  assert.match(text('T') ?? '', /"filterServerTable":\{\}/)
})

test('kept answers never exceed their budget', () => {
  const { routes, made, text } = answers(5000)
  const topics = Array.from({ length: 100 }, (_, at) => queues(`T${at}`, { readQueueNums: at }))
  routes.register(registration(), content(...topics), false, 0)
  for (let at = 0; at < 100; at += 1) {
    assert.match(text(`T${at}`) ?? '', new RegExp(`"readQueueNums":${at},`))
    assert(made.keptBytes <= 5000)
  }
  for (let at = 0; at < 100; at += 1) text('T0', { ...standard, zoneName: `${at}${'z'.repeat(200)}` })
  assert(made.keptBytes <= 5000)
  const tiny = answers(10)
  tiny.routes.register(registration(), content('T', 'U'), false, 0)
  assert.match(tiny.text('T') ?? '', /broker-a/)
  assert.equal(tiny.made.keptBytes, 0)
})
