import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { deflateSync, inflateSync } from 'node:zlib'
import { systemClock } from '../../base/clock.ts'
import { crc31 } from '../../base/crc32.ts'
import { silentLog } from '../../base/log.ts'
import type { Sample } from '../../base/metrics.ts'
import { nameserverMetrics } from '../../nameserver/metrics.ts'
import { brokerMemberGroupBody } from '../../remoting/bodies/broker-member-group.ts'
import { clusterInfoBody } from '../../remoting/bodies/cluster-info.ts'
import { dataVersionBody } from '../../remoting/bodies/data-version.ts'
import { kvTableBody } from '../../remoting/bodies/kv-table.ts'
import { topicListBody } from '../../remoting/bodies/topic-list.ts'
import { topicRouteBody } from '../../remoting/bodies/topic-route.ts'
import type { RemotingClient } from '../../remoting/client.ts'
import { Dispatcher } from '../../remoting/dispatch.ts'
import { type HeaderOf, optional, string } from '../../remoting/fields.ts'
import { request } from '../../remoting/request.ts'
import { addWritePermOfBroker } from '../../remoting/requests/add-write-perm-of-broker.ts'
import { brokerHeartbeat } from '../../remoting/requests/broker-heartbeat.ts'
import { deleteKvConfig } from '../../remoting/requests/delete-kv-config.ts'
import { deleteTopicInNamesrv } from '../../remoting/requests/delete-topic-in-namesrv.ts'
import { getAllTopicListFromNameserver } from '../../remoting/requests/get-all-topic-list-from-nameserver.ts'
import { getBrokerClusterInfo } from '../../remoting/requests/get-broker-cluster-info.ts'
import { getBrokerMemberGroup } from '../../remoting/requests/get-broker-member-group.ts'
import { getHasUnitSubTopicList } from '../../remoting/requests/get-has-unit-sub-topic-list.ts'
import { getHasUnitSubUnunitTopicList } from '../../remoting/requests/get-has-unit-sub-ununit-topic-list.ts'
import { getKvConfig } from '../../remoting/requests/get-kv-config.ts'
import { getKvlistByNamespace } from '../../remoting/requests/get-kvlist-by-namespace.ts'
import { getNamesrvConfig } from '../../remoting/requests/get-namesrv-config.ts'
import { getRouteinfoByTopic } from '../../remoting/requests/get-routeinfo-by-topic.ts'
import { getSystemTopicListFromNs } from '../../remoting/requests/get-system-topic-list-from-ns.ts'
import { getTopicsByCluster } from '../../remoting/requests/get-topics-by-cluster.ts'
import { getUnitTopicList } from '../../remoting/requests/get-unit-topic-list.ts'
import { notifyMinBrokerIdChange } from '../../remoting/requests/notify-min-broker-id-change.ts'
import { putKvConfig } from '../../remoting/requests/put-kv-config.ts'
import { queryDataVersion } from '../../remoting/requests/query-data-version.ts'
import { registerBroker } from '../../remoting/requests/register-broker.ts'
import { registerTopicInNamesrv } from '../../remoting/requests/register-topic-in-namesrv.ts'
import { unregisterBroker } from '../../remoting/requests/unregister-broker.ts'
import { updateNamesrvConfig } from '../../remoting/requests/update-namesrv-config.ts'
import { wipeWritePermOfBroker } from '../../remoting/requests/wipe-write-perm-of-broker.ts'
import { listen } from '../../remoting/server.ts'
import { ask } from '../support/ask.ts'
import { ManualClock } from '../support/broker-fakes.ts'
import {
  memoryStorage,
  type RunningNameserver,
  type RunOptions,
  registrationBody,
  runNameserver,
  until,
} from '../support/nameserver-fixtures.ts'

const running: RunningNameserver[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
})
const start = async (options?: RunOptions): Promise<RunningNameserver> => {
  const server = await runNameserver(options)
  running.push(server)
  return server
}

type RegisterHeader = HeaderOf<typeof registerBroker.header>
const master: RegisterHeader = {
  brokerName: 'broker-a',
  brokerAddr: '10.0.0.1:10911',
  clusterName: 'C',
  haServerAddr: '10.0.0.1:10912',
  brokerId: 0,
  enableActingMaster: false,
  compressed: false,
  bodyCrc32: 0,
}
const slave: RegisterHeader = {
  ...master,
  brokerAddr: '10.0.0.2:10911',
  haServerAddr: '10.0.0.2:10912',
  brokerId: 1,
}
const timeoutMs = 5000

function caller(address: string, client: RemotingClient) {
  return {
    register: (header: RegisterHeader, body: Buffer) =>
      client.call(address, registerBroker, { ...header, bodyCrc32: crc31(body) }, { timeoutMs, body }),
    route: async (topic: string) =>
      topicRouteBody.decode((await client.call(address, getRouteinfoByTopic, { topic }, { timeoutMs })).body),
  }
}

/** Lets time pass in steps as small as those of a nameserver that runs all the time. */
function advance({ nameserver }: RunningNameserver, clock: ManualClock, ms: number): void {
  for (let left = ms; left > 0; left -= 1000) {
    clock.advance(Math.min(left, 1000))
    nameserver.tick(clock.now())
  }
}

test('a broker registers, clients find the route, and a slave finds its master', async () => {
  const { address, connect } = await start()
  const { register, route } = caller(address, connect())
  const asMaster = await register(master, registrationBody(['TBW102', 'T1']))
  assert.deepEqual({ ...asMaster.header }, {})
  assert.equal(asMaster.body.length, 0)
  const asSlave = await register(slave, registrationBody(['TBW102', 'T1']))
  assert.equal(asSlave.header.masterAddr, '10.0.0.1:10911')
  assert.equal(asSlave.header.haServerAddr, '10.0.0.1:10912')
  const { brokerDatas, queueDatas } = await route('T1')
  assert.deepEqual({ ...brokerDatas[0]?.brokerAddrs }, { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911' })
  assert.deepEqual(queueDatas, [
    { brokerName: 'broker-a', readQueueNums: 4, writeQueueNums: 4, perm: 6, topicSysFlag: 0 },
  ])
  await assert.rejects(route('T9'), {
    code: 17,
    remark: 'No topic route info in name server for the topic: T9',
  })
})

test('old clients get bare keys, unless they ask for standard JSON', async () => {
  const { address, connect } = await start()
  await caller(address, connect()).register(master, registrationBody(['T1', 'T2']))
  const text = async (version: number, acceptStandardJsonOnly?: boolean): Promise<string> => {
    const header = { topic: 'T1', acceptStandardJsonOnly }
    const answer = await connect(version).call(address, getRouteinfoByTopic, header, { timeoutMs })
    return answer.body.toString()
  }
  assert.match(await text(400), /"brokerAddrs":\{0:/)
  assert.match(await text(401), /"brokerAddrs":\{"0":/)
  assert.match(await text(317, true), /"brokerAddrs":\{"0":/)
  assert.match(await text(-1), /"brokerAddrs":\{0:/)
})

test('a body that does not match its checksum and a single first topic are refused', async () => {
  const { address, connect, nameserver } = await start()
  const client = connect()
  const body = registrationBody(['T1', 'T2'])
  await assert.rejects(
    client.call(address, registerBroker, { ...master, bodyCrc32: crc31(body) ^ 1 }, { timeoutMs, body }),
    {
      code: 1,
      remark: 'crc32 not match',
    },
  )
  await client.call(address, registerBroker, { ...master, bodyCrc32: 0 }, { timeoutMs, body })
  await assert.rejects(caller(address, client).register(slave, registrationBody(['T1'])), {
    code: 1,
    remark: /^register broker failed/,
  })
  assert.equal(nameserver.routes.brokers.size, 1)
})

test('a compressed body is read, also when the header does not say that it is one', async () => {
  const { address, connect, nameserver } = await start()
  const { register, route } = caller(address, connect())
  const block = (text: string): Buffer => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(text.length)
    return Buffer.concat([length, Buffer.from(text)])
  }
  const count = (value: number): Buffer => Buffer.from([0, 0, 0, value])
  const version = block('{"counter":1,"stateVersion":0,"timestamp":5}')
  const topics = [count(2), block('T1 8 4 6 SINGLE_TAG {}'), block('T2 8 4 6 SINGLE_TAG {}')]
  const body = deflateSync(Buffer.concat([version, ...topics, block('[]'), count(0)]))
  await register({ ...master, compressed: true }, body)
  assert.equal((await route('T2')).queueDatas[0]?.readQueueNums, 8)
  await register({ ...slave, compressed: false }, body)
  const small = deflateSync(inflateSync(body), { windowBits: 9 })
  assert.notEqual(small[0], body[0])
  await register({ ...slave, compressed: true }, small)
  assert.equal(nameserver.routes.brokers.size, 2)
})

test('of a broker that is refused again and again one line tells', async () => {
  const { address, connect, complaints } = await start()
  const client = connect()
  for (let round = 0; round < 3; round += 1)
    await assert.rejects(caller(address, client).register(master, Buffer.from('garbage')), {
      code: 29,
      remark: /^body of the registration: it is not JSON/,
    })
  assert.deepEqual(complaints, ['broker.refused'])
})

test('a repeated registration is not read again, but keeps the broker alive', async () => {
  const clock = new ManualClock()
  const { address, connect, nameserver } = await start({ clock })
  const { register, route } = caller(address, connect())
  const topics = ['T1', 'T2', 'T3']
  await register(master, registrationBody(topics))
  const version = nameserver.routes.topics.version
  for (let round = 0; round < 4; round += 1) {
    clock.advance(100_000)
    await register(master, registrationBody(topics))
  }
  assert.equal(nameserver.routes.topics.version, version)
  // A topic that was deleted here alone comes back with the next registration.
  await connect().call(address, deleteTopicInNamesrv, { topic: 'T1' }, { timeoutMs })
  await assert.rejects(route('T1'), { code: 17 })
  await register(master, registrationBody(topics))
  assert.equal((await route('T1')).queueDatas.length, 1)
})

test('the connection of a broker closes and the broker is gone at once', async () => {
  const { address, connect, nameserver, complaints } = await start()
  const brokerSide = connect()
  await caller(address, brokerSide).register(master, registrationBody(['T1', 'T2']))
  const clientSide = connect()
  await caller(address, clientSide).route('T1')
  clientSide.close()
  brokerSide.close()
  await until('the broker is gone', () => nameserver.routes.brokers.size === 0)
  assert.deepEqual(complaints, ['broker.gone'])
  assert.equal(nameserver.routes.topics.size, 0)
})

test('a silent broker expires and its connection is closed', async () => {
  const clock = new ManualClock()
  const server = await start({ clock })
  const { address, connect, nameserver } = server
  const timed = { heartbeatTimeoutMillis: 30_000 }
  const first = connect()
  await caller(address, first).register({ ...master, ...timed }, registrationBody(['T1', 'T2']))
  const second = connect()
  await caller(address, second).register({ ...slave, ...timed }, registrationBody(['T1', 'T2']))
  advance(server, clock, 29_000)
  const alive = { clusterName: 'C', brokerName: 'broker-a', brokerAddr: '10.0.0.1:10911' }
  await first.call(address, brokerHeartbeat, alive, { timeoutMs })
  advance(server, clock, 6000)
  assert.deepEqual([...(nameserver.routes.brokers.groups.get('broker-a')?.members.keys() ?? [])], [0])
  await until('its connection is closed', () => second.addresses().length === 0)
  assert.equal(first.addresses().length, 1)
  advance(server, clock, 30_000)
  assert.equal(nameserver.routes.brokers.size, 0)
})

test('a nameserver that stood still reads what is waiting before it gives up a broker', async () => {
  const clock = new ManualClock()
  const server = await start({ clock })
  const { address, connect, nameserver } = server
  const header = { ...master, heartbeatTimeoutMillis: 10_000 }
  await caller(address, connect()).register(header, registrationBody(['T1', 'T2']))
  clock.advance(60_000)
  nameserver.tick(clock.now())
  advance(server, clock, 4000)
  assert.equal(nameserver.routes.brokers.size, 1)
  advance(server, clock, 1000)
  assert.equal(nameserver.routes.brokers.size, 0)
})

test('a broker says goodbye, whatever it is that it was', async () => {
  const { address, connect, nameserver } = await start()
  const client = connect()
  await caller(address, client).register(master, registrationBody(['T1', 'T2']))
  const { brokerName, brokerAddr, clusterName, brokerId } = master
  const header = { brokerName, brokerAddr, clusterName, brokerId }
  await client.call(address, unregisterBroker, { ...header, brokerName: 'other' }, { timeoutMs })
  assert.equal(nameserver.routes.brokers.size, 1)
  await client.call(address, unregisterBroker, header, { timeoutMs })
  await client.call(address, unregisterBroker, header, { timeoutMs })
  assert.equal(nameserver.routes.brokers.size, 0)
})

test('write permission is wiped and added', async () => {
  const { address, connect } = await start()
  const client = connect()
  const { register, route } = caller(address, client)
  await register(master, registrationBody(['T1', 'T2']))
  const brokerName = 'broker-a'
  const wiped = await client.call(address, wipeWritePermOfBroker, { brokerName }, { timeoutMs })
  assert.equal(wiped.header.wipeTopicCount, 2)
  assert.equal((await route('T1')).queueDatas[0]?.perm, 4)
  const added = await client.call(address, addWritePermOfBroker, { brokerName }, { timeoutMs })
  assert.equal(added.header.addTopicCount, 2)
  assert.equal((await route('T1')).queueDatas[0]?.perm, 6)
  const none = await client.call(address, wipeWritePermOfBroker, { brokerName: 'x' }, { timeoutMs })
  assert.equal(none.header.wipeTopicCount, 0)
})

test('clusters, members and lists of topics are told', async () => {
  const { address, connect, settings } = await start()
  const client = connect()
  const { register } = caller(address, client)
  await register(master, registrationBody(['T1', 'T2']))
  await register(slave, registrationBody(['T1', 'T2']))
  await register(
    { ...master, clusterName: 'D', brokerName: 'd', brokerAddr: '10.0.9.1:1' },
    registrationBody(['T2', 'T3']),
  )

  const info = clusterInfoBody.decode(
    (await client.call(address, getBrokerClusterInfo, {}, { timeoutMs })).body,
  )
  assert.deepEqual({ ...info.clusterAddrTable }, { C: ['broker-a'], D: ['d'] })
  assert.deepEqual(
    { ...info.brokerAddrTable['broker-a']?.brokerAddrs },
    { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911' },
  )

  const header = { clusterName: 'C', brokerName: 'broker-a' }
  const members = await client.call(address, getBrokerMemberGroup, header, { timeoutMs })
  const { brokerMemberGroup } = brokerMemberGroupBody.decode(members.body)
  assert.deepEqual({ ...brokerMemberGroup.brokerAddrs }, { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911' })
  const nobody = await client.call(
    address,
    getBrokerMemberGroup,
    { ...header, brokerName: 'x' },
    { timeoutMs },
  )
  assert.deepEqual(Object.keys(brokerMemberGroupBody.decode(nobody.body).brokerMemberGroup.brokerAddrs), [])

  const topics = (body: Buffer): unknown => [...topicListBody.decode(body).topicList].sort()
  const all = await client.call(address, getAllTopicListFromNameserver, {}, { timeoutMs })
  assert.deepEqual(topics(all.body), ['T1', 'T2', 'T3'])
  const ofCluster = await client.call(address, getTopicsByCluster, { cluster: 'D' }, { timeoutMs })
  assert.deepEqual(topics(ofCluster.body), ['T2', 'T3'])
  const unknown = await client.call(address, getTopicsByCluster, { cluster: 'X' }, { timeoutMs })
  assert.deepEqual(topics(unknown.body), [])
  const system = await client.call(address, getSystemTopicListFromNs, {}, { timeoutMs })
  assert.deepEqual(topics(system.body), ['C', 'D', 'broker-a', 'd'])
  assert.equal(topicListBody.decode(system.body).brokerAddr, '10.0.0.1:10911')

  await register({ ...master, brokerName: 'e', brokerAddr: '10.0.8.1:1' }, registrationBody(['T4', 'T5']))
  const more = await client.call(address, getAllTopicListFromNameserver, {}, { timeoutMs })
  assert.deepEqual(topics(more.body), ['T1', 'T2', 'T3', 'T4', 'T5'])

  settings.enableAllTopicList = false
  settings.enableTopicList = false
  const disabled = { code: 1, remark: 'disable' }
  await assert.rejects(client.call(address, getAllTopicListFromNameserver, {}, { timeoutMs }), disabled)
  await assert.rejects(client.call(address, getTopicsByCluster, { cluster: 'D' }, { timeoutMs }), disabled)
  await assert.rejects(client.call(address, getUnitTopicList, {}, { timeoutMs }), disabled)
  await assert.rejects(client.call(address, getHasUnitSubTopicList, {}, { timeoutMs }), disabled)
  await assert.rejects(client.call(address, getHasUnitSubUnunitTopicList, {}, { timeoutMs }), disabled)
})

test('unit topics are listed by their flag', async () => {
  const { address, connect } = await start()
  const client = connect()
  const flags = [0, 1, 2, 3].map((flag) => `"T${flag}":{"topicSysFlag":${flag}}`)
  const body = Buffer.from(`{"topicConfigSerializeWrapper":{"topicConfigTable":{${flags.join(',')}}}}`)
  await caller(address, client).register(master, body)
  const list = async (kind: typeof getUnitTopicList): Promise<unknown> =>
    [...topicListBody.decode((await client.call(address, kind, {}, { timeoutMs })).body).topicList].sort()
  assert.deepEqual(await list(getUnitTopicList), ['T1', 'T3'])
  assert.deepEqual(await list(getHasUnitSubTopicList), ['T2', 'T3'])
  assert.deepEqual(await list(getHasUnitSubUnunitTopicList), ['T2'])
})

test('a broker asks whether it has to register, which is a sign of life', async () => {
  const clock = new ManualClock()
  const { address, connect, nameserver } = await start({ clock })
  const client = connect()
  const { brokerName, brokerAddr, clusterName, brokerId } = master
  const query = async (counter: number) => {
    const body = dataVersionBody.encode({ counter, stateVersion: 0, timestamp: 1000 })
    const header = { brokerName, brokerAddr, clusterName, brokerId }
    const answer = await client.call(address, queryDataVersion, header, { timeoutMs, body })
    return [
      answer.header.changed,
      answer.body.length === 0 ? undefined : dataVersionBody.decode(answer.body).counter,
    ]
  }
  assert.deepEqual(await query(1), [true, undefined])
  await caller(address, client).register(master, registrationBody(['T1', 'T2'], 1))
  assert.deepEqual(await query(1), [false, 1])
  assert.deepEqual(await query(2), [true, 1])
  clock.advance(7000)
  await query(2)
  assert.equal(nameserver.routes.brokers.find(clusterName, brokerAddr)?.seenAtMs, clock.monotonicMs())
})

test('one topic is registered by itself and deleted in one cluster', async () => {
  const { address, connect } = await start()
  const client = connect()
  const { register, route } = caller(address, client)
  await register(master, registrationBody(['T1', 'T2']))
  const queueDatas = [
    { brokerName: 'broker-a', readQueueNums: 2, writeQueueNums: 2, perm: 6, topicSysFlag: 0 },
  ]
  const body = topicRouteBody.encode({ queueDatas, brokerDatas: [], filterServerTable: {} })
  await client.call(address, registerTopicInNamesrv, { topic: 'T3' }, { timeoutMs, body })
  assert.equal((await route('T3')).queueDatas[0]?.readQueueNums, 2)
  await client.call(address, deleteTopicInNamesrv, { topic: 'T3', clusterName: 'X' }, { timeoutMs })
  assert.equal((await route('T3')).queueDatas.length, 1)
  await client.call(address, deleteTopicInNamesrv, { topic: 'T3', clusterName: 'C' }, { timeoutMs })
  await assert.rejects(route('T3'), { code: 17 })
  await client.call(address, deleteTopicInNamesrv, { topic: 'T2', clusterName: '' }, { timeoutMs })
  await assert.rejects(route('T2'), { code: 17 })
})

test('ordered topics reach brokers with the registration, and routes when orderMessageEnable is set', async () => {
  const { address, connect, settings } = await start()
  const client = connect()
  const { register, route } = caller(address, client)
  const namespace = 'ORDER_TOPIC_CONFIG'
  await client.call(address, putKvConfig, { namespace, key: 'T1', value: 'broker-a:4' }, { timeoutMs })
  const answer = await register(master, registrationBody(['T1', 'T2']))
  assert.deepEqual({ ...kvTableBody.decode(answer.body).table }, { T1: 'broker-a:4' })
  assert.equal((await route('T1')).orderTopicConf, undefined)
  settings.orderMessageEnable = true
  assert.equal((await route('T1')).orderTopicConf, 'broker-a:4')
  assert.equal((await route('T2')).orderTopicConf, undefined)
  settings.returnOrderTopicConfigToBroker = false
  assert.equal((await register(master, registrationBody(['T1', 'T2']))).body.length, 0)
})

test('the KV configuration is changed, read and kept', async () => {
  const kvStorage = memoryStorage()
  const { address, connect } = await start({ kvStorage })
  const client = connect()
  await client.call(address, putKvConfig, { namespace: 'n', key: 'k', value: 'v' }, { timeoutMs })
  const got = await client.call(address, getKvConfig, { namespace: 'n', key: 'k' }, { timeoutMs })
  assert.equal(got.header.value, 'v')
  const list = await client.call(address, getKvlistByNamespace, { namespace: 'n' }, { timeoutMs })
  assert.deepEqual({ ...kvTableBody.decode(list.body).table }, { k: 'v' })
  assert.equal(kvStorage.text, '{"configTable":{"n":{"k":"v"}}}')
  await client.call(address, deleteKvConfig, { namespace: 'n', key: 'k' }, { timeoutMs })
  await assert.rejects(client.call(address, getKvConfig, { namespace: 'n', key: 'k' }, { timeoutMs }), {
    code: 22,
    remark: 'No config item, Namespace: n Key: k',
  })
  await assert.rejects(client.call(address, getKvlistByNamespace, { namespace: 'n' }, { timeoutMs }), {
    code: 22,
  })
})

test('settings are shown and changed, but not those on the black list', async () => {
  const { address, connect, settings, stored } = await start()
  const client = connect()
  const shown = await client.call(address, getNamesrvConfig, {}, { timeoutMs })
  assert.match(shown.body.toString(), /^orderMessageEnable=false$/m)
  const update = (text: string) =>
    client.call(address, updateNamesrvConfig, {}, { timeoutMs, body: Buffer.from(text) })
  await update('orderMessageEnable=true\nscanNotActiveBrokerInterval = 100')
  assert.equal(settings.orderMessageEnable, true)
  assert.equal(settings.scanNotActiveBrokerInterval, 100)
  assert.deepEqual(
    stored.map((changed) => [...changed]),
    [
      [
        ['orderMessageEnable', 'true'],
        ['scanNotActiveBrokerInterval', '100'],
      ],
    ],
  )
  for (const key of ['kvConfigPath', 'configStorePath', 'configBlackList', 'listenPort', 'bindAddress'])
    await assert.rejects(update(`orderMessageEnable=false\n${key}=1`), { code: 16, remark: new RegExp(key) })
  await assert.rejects(update('orderMessageEnable=false\nscanNotActiveBrokerInterval=soon'), {
    code: 29,
    remark: /scanNotActiveBrokerInterval/,
  })
  await assert.rejects(update('orderMessageEnabled=false'), { code: 29, remark: /orderMessageEnable/ })
  await assert.rejects(update('a=\\uXYZ'), { code: 29, remark: /line 1/ })
  assert.equal(settings.orderMessageEnable, true)
  await update('')
  await update('orderMessageEnable=true')
  assert.equal(stored.length, 1)
})

test('a changed setting counts for registrations that are otherwise unchanged', async () => {
  const { address, connect } = await start()
  const client = connect()
  const { register, route } = caller(address, client)
  await register(master, registrationBody(['T1', 'T2', 'T3'], 1))
  await register(master, registrationBody(['T1', 'T2'], 2))
  assert.equal((await route('T3')).queueDatas.length, 1)
  const body = Buffer.from('deleteTopicWithBrokerRegistration=true')
  await client.call(address, updateNamesrvConfig, {}, { timeoutMs, body })
  await register(master, registrationBody(['T1', 'T2'], 2))
  await assert.rejects(route('T3'), { code: 17 })
})

test('settings that cannot be stored stay as they were', async () => {
  const storeSettings = (): Promise<void> => Promise.reject(new Error('no space'))
  const { address, connect, settings } = await start({ storeSettings })
  const body = Buffer.from('orderMessageEnable=true')
  await assert.rejects(connect().call(address, updateNamesrvConfig, {}, { timeoutMs, body }), {
    code: 1,
    remark: 'the settings could not be stored; nothing was changed',
  })
  assert.equal(settings.orderMessageEnable, false)
})

test('a fresh nameserver waits before it answers routes when told so', async () => {
  const clock = new ManualClock()
  const { address, connect } = await start({
    clock,
    settings: { needWaitForService: true, waitSecondsForService: 45 },
  })
  const { register, route } = caller(address, connect())
  await register(master, registrationBody(['T1', 'T2']))
  clock.advance(44_999)
  await assert.rejects(route('T1'), { code: 1, remark: 'name server not ready' })
  clock.advance(1)
  assert.equal((await route('T1')).queueDatas.length, 1)
})

test('a zone is taken from the extra fields of registration and route request', async () => {
  const { address, connect } = await start()
  const zonedBroker = request({
    ...registerBroker,
    header: { ...registerBroker.header, __ZONE_NAME: string() },
  })
  const zonedRoute = request({
    ...getRouteinfoByTopic,
    header: { topic: string(), __ZONE_MODE: optional(string()), __ZONE_NAME: optional(string()) },
  })
  const client = connect()
  const body = registrationBody(['T1', 'T2'])
  await caller(address, client).register({ ...master, brokerName: 'n', brokerAddr: '10.0.7.1:1' }, body)
  const zoned = { ...master, brokerName: 'z', brokerAddr: '10.0.6.1:1', __ZONE_NAME: 'z1' }
  await client.call(address, zonedBroker, zoned, { timeoutMs, body })
  const names = async (zone: { __ZONE_MODE?: string; __ZONE_NAME?: string }): Promise<unknown> => {
    const answer = await client.call(address, zonedRoute, { topic: 'T1', ...zone }, { timeoutMs })
    return topicRouteBody.decode(answer.body).brokerDatas.map(({ brokerName }) => brokerName)
  }
  assert.deepEqual(await names({}), ['n', 'z'])
  assert.deepEqual(await names({ __ZONE_MODE: 'false', __ZONE_NAME: 'z1' }), ['n', 'z'])
  assert.deepEqual(await names({ __ZONE_MODE: 'TRUE', __ZONE_NAME: 'Z1' }), ['z'])
  assert.deepEqual(await names({ __ZONE_MODE: 'true', __ZONE_NAME: ' ' }), ['n', 'z'])
})

test('members of a group are told when its smallest id changes, if the settings want that', async () => {
  const told: string[] = []
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(notifyMinBrokerIdChange, ({ header }) => {
    told.push(`${header.brokerName} ${header.minBrokerId} ${header.offlineBrokerAddr ?? '-'}`)
    return {}
  })
  const server = await listen({ host: '127.0.0.1', port: 0, dispatcher, log: silentLog, clock: systemClock })
  try {
    const { address, connect, settings } = await start({ settings: { notifyMinBrokerIdChanged: true } })
    const { register } = caller(address, connect())
    const body = registrationBody(['T1', 'T2'])
    const acting = { enableActingMaster: true }
    await register({ ...slave, ...acting, brokerAddr: `127.0.0.1:${server.address.port}` }, body)
    const masterSide = connect()
    await caller(address, masterSide).register({ ...master, ...acting }, body)
    await until('the slave heard of the master', () => told.length === 1)
    masterSide.close()
    await until('the slave heard that it is gone', () => told.length === 2)
    assert.deepEqual(told, ['broker-a 0 -', 'broker-a 1 10.0.0.1:10911'])
    settings.notifyMinBrokerIdChanged = false
    await register({ ...master, ...acting }, body)
    assert.equal(told.length, 2)
  } finally {
    await server.close({ graceMs: 0 })
  }
})

test('a group without a master shows its smallest id as one when supportActingMaster is set', async () => {
  const { address, connect, settings } = await start()
  const { register, route } = caller(address, connect())
  await register({ ...slave, enableActingMaster: true }, registrationBody(['T1', 'T2']))
  assert.deepEqual(Object.keys((await route('T1')).brokerDatas[0]?.brokerAddrs ?? {}), ['1'])
  settings.supportActingMaster = true
  const { brokerDatas, queueDatas } = await route('T1')
  assert.deepEqual({ ...brokerDatas[0]?.brokerAddrs }, { 0: '10.0.0.2:10911' })
  assert.equal(queueDatas[0]?.perm, 4)
})

test('the metrics count brokers, topics and requests', async () => {
  const { address, connect, nameserver } = await start()
  const samples = new Map<string, () => Iterable<Sample>>()
  const observed: number[] = []
  nameserverMetrics(
    {
      counter: (name, _help, collect) => samples.set(name, collect),
      gauge: (name, _help, collect) => samples.set(name, collect),
      histogram: () => ({ observe: (value) => observed.push(value) }),
      text: () => Promise.resolve(''),
    },
    nameserver,
  )
  const { register, route } = caller(address, connect())
  await register(master, registrationBody(['T1', 'T2']))
  await register(slave, registrationBody(['T1', 'T2']))
  await route('T1')
  await ask(address, 4711, {})
  const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
    [...(samples.get(`rocketcluster_nameserver_${name}`)?.() ?? [])].find(([found]) =>
      isDeepStrictEqual({ ...found }, labels),
    )?.[1]
  assert.equal(value('brokers', { cluster: 'C', role: 'master' }), 1)
  assert.equal(value('brokers', { cluster: 'C', role: 'slave' }), 1)
  assert.equal(value('topics'), 2)
  assert.equal(value('topic_placements'), 1)
  assert.equal(value('kv_entries'), 0)
  assert.equal(value('requests_total', { request: 'REGISTER_BROKER' }), 2)
  assert.equal(value('requests_total', { request: 'unknown' }), 1)
  await register(master, registrationBody(['T1', 'T2']))
  assert.equal(
    value('registrations_total', { outcome: 'applied' }),
    3,
    'a new member makes the others read again',
  )
  await register(master, registrationBody(['T1', 'T2']))
  assert.equal(value('registrations_total', { outcome: 'unchanged' }), 1)
  assert.equal(value('registrations_total', { outcome: 'refused' }), 0)
  assert((value('connections') ?? 0) >= 1)
  assert((value('route_cache_bytes') ?? 0) > 0)
  assert.equal(observed.length, 1)
})

test('a taken port and an unreadable KV configuration stop the start', async () => {
  const { nameserver } = await start()
  await assert.rejects(runNameserver({ settings: { listenPort: nameserver.address.port } }), {
    name: 'PortTakenError',
  })
  await assert.rejects(runNameserver({ kvStorage: memoryStorage('{') }), { message: /^not JSON/ })
})
