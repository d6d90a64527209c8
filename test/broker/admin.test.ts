import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { parseLenientJson } from '../../base/lenient-json.ts'
import { queueOffset } from '../../base/units.ts'
import { bytesText, durationText } from '../../broker/runtime-info.ts'
import { deleteSubscriptiongroup } from '../../remoting/requests/delete-subscriptiongroup.ts'
import { getAllConsumerOffset } from '../../remoting/requests/get-all-consumer-offset.ts'
import { getAllDelayOffset } from '../../remoting/requests/get-all-delay-offset.ts'
import { getAllSubscriptiongroupConfig } from '../../remoting/requests/get-all-subscriptiongroup-config.ts'
import { getBrokerConfig } from '../../remoting/requests/get-broker-config.ts'
import { getBrokerRuntimeInfo } from '../../remoting/requests/get-broker-runtime-info.ts'
import { getConsumeStats } from '../../remoting/requests/get-consume-stats.ts'
import { getConsumerConnectionList } from '../../remoting/requests/get-consumer-connection-list.ts'
import { getProducerConnectionList } from '../../remoting/requests/get-producer-connection-list.ts'
import { getSubscriptiongroupConfig } from '../../remoting/requests/get-subscriptiongroup-config.ts'
import { getTopicStatsInfo } from '../../remoting/requests/get-topic-stats-info.ts'
import { queryTopicConsumeByWho } from '../../remoting/requests/query-topic-consume-by-who.ts'
import { updateAndCreateSubscriptiongroup } from '../../remoting/requests/update-and-create-subscriptiongroup.ts'
import { updateAndCreateSubscriptiongroupList } from '../../remoting/requests/update-and-create-subscriptiongroup-list.ts'
import { updateBrokerConfig } from '../../remoting/requests/update-broker-config.ts'
import { connectTo, consumerBeat, type Said, sendTo, type TestClient } from '../support/broker-client.ts'
import { startFakeNameserver, startTestBroker, type TestBroker, until } from '../support/broker-fixture.ts'

async function setUp(
  t: TestContext,
  options: Parameters<typeof startTestBroker>[1] = {},
): Promise<[TestBroker, TestClient]> {
  const broker = await startTestBroker(t, options)
  return [broker, connectTo(t, broker)]
}

const configOf = async (client: TestClient): Promise<Map<string, string>> => {
  const { text } = await client.ask(getBrokerConfig, {})
  return new Map(
    text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

test('25: a change takes effect at once, is shown by 26 and kept for the next start', async (t) => {
  const stored: [string, string][] = []
  const [broker, client] = await setUp(t, {
    storeSettings: async (changes) => {
      stored.push(...changes)
    },
  })
  const before = await client.ask(getBrokerConfig, {})
  const said = await client.ask(
    updateBrokerConfig,
    {},
    'maxMessageSize=100\n# a comment\nautoCreateSubscriptionGroup = false\n',
  )
  assert.deepEqual([said.code, said.remark], [0, ''])
  assert.deepEqual(stored, [
    ['maxMessageSize', '100'],
    ['autoCreateSubscriptionGroup', 'false'],
  ])
  assert.equal((await configOf(client)).get('maxMessageSize'), '100')
  await assert.rejects(sendTo(client, 'T', 'x'.repeat(101)), /13/)
  await client.beat(consumerBeat('a', 'G'))
  assert.equal(broker.broker.parts.groups.get('G'), undefined)
  const after = await client.ask(getBrokerConfig, {})
  const counter = (said_: Said) => (JSON.parse(said_.ext.version ?? '') as { counter: number }).counter
  assert.equal(counter(after), counter(before) + 1)
  await client.ask(updateBrokerConfig, {}, 'maxMessageSize=100')
  assert.equal(stored.length, 2, 'what is like that already changes nothing')
})

test('25: what needs a restart is kept and named; a changed permission is registered', async (t) => {
  const nameserver = await startFakeNameserver(t)
  const [, client] = await setUp(t, { text: `namesrvAddr=${nameserver.address}` })
  const said = await client.ask(updateBrokerConfig, {}, 'flushDiskType=SYNC_FLUSH')
  assert.deepEqual([said.code, said.remark], [0, 'stored; for the next start: flushDiskType'])
  await until('the first registration', () => nameserver.registered.length > 0)
  const count = nameserver.registered.length
  assert.equal((await client.ask(updateBrokerConfig, {}, 'brokerPermission=4')).code, 0)
  assert.ok(nameserver.registered.length > count, 'registered before the answer')
})

test('25: names of paths, addresses and the broker itself are refused with 16, nonsense with 29; nothing is changed', async (t) => {
  const stored: unknown[] = []
  const [broker, client] = await setUp(t, {
    text: 'configBlackList=configBlackList;brokerConfigPath;traceOn',
    storeSettings: async (changes) => {
      stored.push(changes)
    },
  })
  const before = JSON.stringify(broker.broker.parts.settings)
  for (const [text, code] of [
    ['storePathRootDir=/tmp/elsewhere', 16],
    ['storePathCommitLog=/tmp/elsewhere', 16],
    ['brokerIP1=10.0.0.9', 16],
    ['bindAddress=0.0.0.0', 16],
    ['listenPort=1', 16],
    ['metricsPort=1', 16],
    ['brokerName=x', 16],
    ['brokerClusterName=x', 16],
    ['configBlackList=', 16],
    ['brokerConfigPath=/tmp/x', 16],
    ['traceOn=false', 16],
    ['maxMessageSize=100\nbrokerIP1=10.0.0.9', 16],
    ['maxMessageSize=many', 29],
    ['maxMessageSize=-1', 29],
    ['maxMessageSize=100\nlongPollingEnable=perhaps', 29],
    ['maxMesageSize=100', 29],
    ['rocketmqHome=/tmp/x', 16],
    ['namesrvAddr=10.0.0.9:9876', 16],
    ['haMasterAddress=10.0.0.9:10912', 16],
    ['innerClientAuthenticationCredentials={}', 16],
    ['initAuthenticationUser={}', 16],
    ['a=\\u00zz', 29],
  ] as const) {
    const said = await client.ask(updateBrokerConfig, {}, text)
    assert.equal(said.code, code, `${text}: ${said.remark}`)
    assert.ok(said.remark.length > 0)
  }
  assert.equal(JSON.stringify(broker.broker.parts.settings), before)
  assert.deepEqual(stored, [])
  const all = (await client.ask(getBrokerConfig, {})).text
  const changeable = all.replace(/^(configBlackList|brokerConfigPath|traceOn)=.*\n/gm, '')
  assert.equal(
    (await client.ask(updateBrokerConfig, {}, changeable)).remark,
    '',
    'what 26 shows changes nothing',
  )
})

test('25: a change that cannot be kept is not made', async (t) => {
  let isBroken = true
  const [broker, client] = await setUp(t, {
    storeSettings: async () => {
      if (isBroken) throw new Error('read-only file system')
    },
  })
  const said = await client.ask(updateBrokerConfig, {}, 'maxMessageSize=100')
  assert.equal(said.code, 1)
  assert.doesNotMatch(said.remark, /read-only/, 'the reason is for the log')
  assert.equal(broker.broker.parts.settings.maxMessageSize, 65_536)
  isBroken = false
  assert.equal((await client.ask(updateBrokerConfig, {}, 'maxMessageSize=100')).code, 0)
  assert.equal(broker.broker.parts.settings.maxMessageSize, 100)
})

const groupJson = (more: object = {}) => JSON.stringify({ groupName: 'G', ...more })

test('200, 201, 225, 352, 207: groups are made, shown, changed and deleted', async (t) => {
  const [broker, client] = await setUp(t)
  const { groups, topics, offsets } = broker.broker.parts
  assert.equal((await client.ask(getSubscriptiongroupConfig, { group: 'G' })).code, 26)
  assert.equal(groups.get('G'), undefined, 'a question makes nothing')
  const made = await client.ask(
    updateAndCreateSubscriptiongroup,
    {},
    groupJson({ retryMaxTimes: 3, unknownKey: [1] }),
  )
  assert.equal(made.code, 0, made.remark)
  assert.ok(topics.get('%RETRY%G'), 'tools find groups by their retry topic')
  const shown = JSON.parse((await client.ask(getSubscriptiongroupConfig, { group: 'G' })).text) as Record<
    string,
    unknown
  >
  assert.deepEqual([shown.groupName, shown.retryMaxTimes, shown.consumeEnable], ['G', 3, true])
  const many = await client.ask(
    updateAndCreateSubscriptiongroupList,
    {},
    JSON.stringify({
      groupConfigList: [
        { groupName: 'G', retryMaxTimes: 4 },
        { groupName: 'H', retryQueueNums: 0 },
      ],
    }),
  )
  assert.equal(many.code, 0, many.remark)
  assert.equal(topics.get('%RETRY%H'), undefined, 'a group without retries needs none')
  const all = JSON.parse((await client.ask(getAllSubscriptiongroupConfig, {})).text) as {
    subscriptionGroupTable: Record<string, { retryMaxTimes: number }>
    dataVersion: object
    forbiddenTable: object
  }
  assert.equal(all.subscriptionGroupTable.G?.retryMaxTimes, 4)
  assert.ok(all.subscriptionGroupTable.TOOLS_CONSUMER)
  await sendTo(client, 'T', 'a')
  await offsets.commitDurably('G', 'T', 0, queueOffset(1), 'test')
  await client.ask(deleteSubscriptiongroup, { groupName: 'G' })
  assert.equal(groups.get('G'), undefined)
  assert.equal(offsets.get('G', 'T', 0), 1, 'offsets stay unless asked')
  await client.ask(deleteSubscriptiongroup, { groupName: 'G', cleanOffset: true })
  assert.equal(offsets.get('G', 'T', 0), undefined)
  assert.equal((await client.ask(deleteSubscriptiongroup, { groupName: 'never was' })).code, 0)
})

test('M6, F15: groups that make no sense are refused with 29, a list of groups all or none', async (t) => {
  const [broker, client] = await setUp(t)
  for (const body of [
    '',
    'nonsense',
    '{}',
    groupJson({ groupName: 'a b' }),
    groupJson({ retryQueueNums: 5000 }),
    groupJson({ retryMaxTimes: 'many' }),
    groupJson({ attributes: { '+x': 'y' } }),
  ])
    assert.equal((await client.ask(updateAndCreateSubscriptiongroup, {}, body)).code, 29, body)
  const list = { groupConfigList: [{ groupName: 'A' }, { groupName: '..' }] }
  assert.equal((await client.ask(updateAndCreateSubscriptiongroupList, {}, JSON.stringify(list))).code, 29)
  assert.equal(broker.broker.parts.groups.get('A'), undefined)
})

test('203, 204, 300: who is connected and who consumes a topic', async (t) => {
  const [broker, client] = await setUp(t)
  assert.equal((await client.ask(getConsumerConnectionList, { consumerGroup: 'G' })).code, 206)
  assert.equal((await client.ask(getProducerConnectionList, { producerGroup: 'P' })).code, 1)
  await client.beat({ ...consumerBeat('c1', 'G', ['T']), producerDataSet: [{ groupName: 'P' }] })
  const consumers = JSON.parse(
    (await client.ask(getConsumerConnectionList, { consumerGroup: 'G' })).text,
  ) as {
    connectionSet: Record<string, unknown>[]
    subscriptionTable: Record<string, { subString: string }>
    consumeType: string
  }
  assert.equal(consumers.subscriptionTable.T?.subString, '*')
  assert.equal(consumers.consumeType, 'CONSUME_PASSIVELY')
  const [connection] = consumers.connectionSet
  assert.deepEqual([connection?.clientId, connection?.language, connection?.version], ['c1', 'OTHER', 479])
  assert.match(String(connection?.clientAddr), /^127\.0\.0\.1:\d+$/)
  assert.match((await client.ask(getProducerConnectionList, { producerGroup: 'P' })).text, /"clientId":"c1"/)
  await broker.broker.parts.offsets.commitDurably('H', 'T', 0, queueOffset(0), 'test')
  const groups = JSON.parse((await client.ask(queryTopicConsumeByWho, { topic: 'T' })).text) as {
    groupList: string[]
  }
  assert.deepEqual(groups.groupList.sort(), ['G', 'H'])
  assert.equal((await client.ask(queryTopicConsumeByWho, { topic: 'X' })).text, '{"groupList":[]}')
})

test('202, 208: queues by object keys, as mqadmin reads them', async (t) => {
  const [broker, client] = await setUp(t)
  const { offsets, store } = broker.broker.parts
  for (let count = 0; count < 3; count++) await sendTo(client, 'T', `m${count}`, { queueId: 1 })
  assert.equal((await client.ask(getTopicStatsInfo, { topic: 'X' })).code, 17)
  const { text } = await client.ask(getTopicStatsInfo, { topic: 'T' })
  assert.match(
    text,
    /^\{"offsetTable":\{\{"brokerName":"broker-a","queueId":0,"topic":"T"\}:\{"lastUpdateTimestamp":0,/,
  )
  const storedAt = await store.storeTimeOf('T', 1, queueOffset(2))
  const queue = '{"brokerName":"broker-a","queueId":1,"topic":"T"}'
  const stats = parseLenientJson(text) as { offsetTable: Record<string, unknown>; topicPutTps: number }
  assert.deepEqual(stats.offsetTable[queue], { lastUpdateTimestamp: storedAt, maxOffset: 3, minOffset: 0 })
  assert.equal(Object.keys(stats.offsetTable).length, 4)

  const progress = async (header: { topic?: string; topicList?: string } = {}) => {
    const said = await client.ask(getConsumeStats, { consumerGroup: 'G', ...header })
    return (parseLenientJson(said.text) as { offsetTable: Record<string, Record<string, number>> })
      .offsetTable
  }
  assert.deepEqual(await progress(), {}, 'nothing committed, nothing shown')
  await offsets.commitDurably('G', 'T', 1, queueOffset(2), 'test')
  offsets.pulled('G', 'T', 1, queueOffset(3))
  assert.deepEqual((await progress())[queue], {
    brokerOffset: 3,
    consumerOffset: 2,
    pullOffset: 3,
    lastTimestamp: await store.storeTimeOf('T', 1, queueOffset(1)),
  })
  assert.equal(Object.keys(await progress({ topic: 'T' })).length, 4)
  assert.equal(Object.keys(await progress({ topicList: 'T;X' })).length, 4)
  await client.beat(consumerBeat('a', 'G', ['Other']))
  assert.deepEqual(await progress(), {}, 'what nobody subscribes to any more is no backlog')
})

test('43, 45: the tables as RocketMQ’s files have them', async (t) => {
  const [broker, client] = await setUp(t)
  await broker.broker.parts.offsets.commitDurably('G', 'T', 0, queueOffset(0), 'test')
  assert.match((await client.ask(getAllConsumerOffset, {})).text, /"offsetTable":\{"T@G":\{"0":0\}\}/)
  assert.match((await client.ask(getAllDelayOffset, {})).text, /"offsetTable":\{/)
})

/** Protocol §2.4, without those that RocketMQ writes only in other configurations. */
const RUNTIME_KEYS = `brokerVersionDesc brokerVersion brokerActive bootTimestamp runtime putTps getFoundTps getMissTps
  getTotalTps getTransferredTps putLatency99 putLatency999 putMessageEntireTimeMax putMessageTimesTotal
  putMessageFailedTimes putMessageSizeTotal putMessageDistributeTime putMessageAverageSize getMessageEntireTimeMax
  dispatchMaxBuffer msgPutTotalYesterdayMorning msgPutTotalTodayMorning msgPutTotalTodayNow msgGetTotalYesterdayMorning
  msgGetTotalTodayMorning msgGetTotalTodayNow commitLogMinOffset commitLogMaxOffset commitLogDiskRatio
  consumeQueueDiskRatio commitLogDirCapacity dispatchBehindBytes pageCacheLockTimeMills earliestMessageTimeStamp
  startAcceptSendRequestTimeStamp EndTransactionQueueSize EndTransactionThreadPoolQueueCapacity
  remainTransientStoreBufferNumbs remainHowManyDataToFlush timerReadBehind timerOffsetBehind timerCongestNum
  timerEnqueueTps timerDequeueTps`

test('28: every key that tools read is there, with a text that they can parse', async (t) => {
  const [, client] = await setUp(t)
  for (let count = 0; count < 5; count++) await sendTo(client, 'T', 'x')
  const { table } = JSON.parse((await client.ask(getBrokerRuntimeInfo, {})).text) as {
    table: Record<string, string>
  }
  const names = RUNTIME_KEYS.split(/\s+/)
  for (const pool of ['send', 'pull', 'litePull', 'query', 'ack'])
    for (const what of ['Size', 'Capacity', 'HeadWaitTimeMills']) names.push(`${pool}ThreadPoolQueue${what}`)
  for (const name of names) assert.equal(typeof table[name], 'string', name)
  assert.equal(table.putMessageTimesTotal, '5')
  assert.equal(table.msgPutTotalTodayNow, '5')
  assert.equal(table.brokerVersionDesc, 'V5_3_3')
  for (const name of ['putTps', 'getTotalTps', 'getTransferredTps'])
    assert.equal(
      (table[name] ?? '').split(' ').filter((part) => Number.isFinite(Number.parseFloat(part))).length,
      3,
    )
  assert.match(table.commitLogDirCapacity ?? '', /^Total : [\d.]+ [KMGT]iB, Free : [\d.]+ [KMGT]iB\.$/)
  assert.ok(Number(table.commitLogMaxOffset) > 0)
})

test('28: delay levels in use are told as done,max', async (t) => {
  const [broker, client] = await setUp(t)
  await sendTo(client, 'T', 'x', { properties: 'DELAY\u00013\u0002' })
  await until('it waits', () => broker.broker.store.queueRange('SCHEDULE_TOPIC_XXXX', 2).maxOffset === 1)
  const { text } = await client.ask(getBrokerRuntimeInfo, {})
  assert.match(text, /"scheduleMessageOffset_3":"0,1"/)
})

test('sizes and durations are written as RocketMQ writes them', () => {
  assert.deepEqual([0, 252, 1024, 1536, 1024 ** 3 * 238.3].map(bytesText), [
    '0 B',
    '252 B',
    '1.0 KiB',
    '1.5 KiB',
    '238.3 GiB',
  ])
  assert.equal(durationText(93_784_999), '[ 1 days, 2 hours, 3 minutes, 4 seconds ]')
  assert.equal(durationText(-5), '[ 0 days, 0 hours, 0 minutes, 0 seconds ]')
})
