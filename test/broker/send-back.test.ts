import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { queueOffset } from '../../base/units.ts'
import type { StoredMessage } from '../../message/message.ts'
import { decodeProperties, encodeProperties } from '../../message/properties.ts'
import { decodeRecord } from '../../message/record.ts'
import { consumerSendMsgBack } from '../../remoting/requests/consumer-send-msg-back.ts'
import { connectTo, consumerBeat, sendTo, type TestClient } from '../support/broker-client.ts'
import { startTestBroker, type TestBroker, until } from '../support/broker-fixture.ts'

interface Back {
  readonly offset: number
  readonly group?: string
  readonly delayLevel?: number
  readonly originTopic?: string
  readonly maxReconsumeTimes?: number
}

const back = (client: TestClient, { group = 'G', delayLevel = 0, ...rest }: Back) =>
  client.ask(consumerSendMsgBack, { group, delayLevel, ...rest })

async function messagesOf({ broker }: TestBroker, topic: string, queueId = 0): Promise<StoredMessage[]> {
  const result = await broker.store.get({
    topic,
    queueId,
    offset: queueOffset(0),
    maxCount: 100,
    maxBytes: 1e6,
  })
  return result.records.map((record) => decodeRecord(record, 0))
}

async function setUp(t: TestContext): Promise<[TestBroker, TestClient]> {
  const broker = await startTestBroker(t, { text: 'messageDelayLevel=1s 5s 1s 1s 1s' })
  const client = connectTo(t, broker)
  await client.beat(consumerBeat('a', 'G'))
  return [broker, client]
}

test('a message that could not be consumed comes back through the retry topic, again and again, then is dead', async (t) => {
  const [broker, client] = await setUp(t)
  const sent = await sendTo(client, 'T', 'poison', {
    properties: encodeProperties([
      ['TAGS', 'A'],
      ['UNIQ_KEY', 'U1'],
    ]),
  })
  let position = sent.position
  for (let times = 1; times <= 2; times++) {
    const said = await back(client, { offset: position, originTopic: 'T', maxReconsumeTimes: 2 })
    assert.equal(said.code, 0, said.remark)
    const before = times - 1
    await until(
      'the retry is delivered',
      () => broker.broker.store.queueRange('%RETRY%G', 0).maxOffset === times,
    )
    const message = (await messagesOf(broker, '%RETRY%G'))[before]
    assert(message)
    assert.equal(String(message.body), 'poison')
    assert.equal(message.reconsumeTimes, times)
    assert.ok(message.storeTimestamp - message.bornTimestamp > 0)
    const properties = decodeProperties(message.properties)
    assert.equal(properties.get('RETRY_TOPIC'), 'T')
    assert.equal(properties.get('ORIGIN_MESSAGE_ID'), sent.msgId, 'that of the first delivery')
    assert.equal(properties.get('DELAY'), String(2 + times), 'level 3, then 4')
    assert.equal(properties.get('UNIQ_KEY'), 'U1')
    position = message.position
  }
  assert.equal((await back(client, { offset: position, maxReconsumeTimes: 2 })).code, 0)
  const [dead] = await messagesOf(broker, '%DLQ%G')
  assert.equal(String(dead?.body), 'poison')
  assert.equal(dead?.reconsumeTimes, 3)
  assert.deepEqual(
    [broker.broker.parts.stats.sentBackCount, broker.broker.parts.stats.deadLetterCount],
    [3, 1],
  )
  const dlq = broker.broker.parts.topics.get('%DLQ%G')
  assert.deepEqual([dlq?.readQueueNums, dlq?.writeQueueNums, dlq?.perm], [1, 1, 6])
})

test('a delay level of the client counts, below 0 the message is dead at once', async (t) => {
  const [broker, client] = await setUp(t)
  const first = await sendTo(client, 'T', 'a')
  const second = await sendTo(client, 'T', 'b')
  await back(client, { offset: first.position, delayLevel: 1 })
  await back(client, { offset: second.position, delayLevel: -1 })
  assert.equal(broker.broker.store.queueRange('SCHEDULE_TOPIC_XXXX', 0).maxOffset, 1)
  assert.equal((await messagesOf(broker, '%DLQ%G')).length, 1)
})

test('the limit is the group’s, or the request’s from version 121 on', async (t) => {
  const [broker, client] = await setUp(t)
  const { groups } = broker.broker.parts
  await groups.put({ ...(groups.get('G') ?? assert.fail()), retryMaxTimes: 0 })
  const { position } = await sendTo(client, 'T', 'a')
  await back(client, { offset: position })
  assert.equal((await messagesOf(broker, '%DLQ%G')).length, 1)
  await back(client, { offset: position, maxReconsumeTimes: 1 })
  assert.equal((await messagesOf(broker, '%DLQ%G')).length, 1)
  assert.equal(broker.broker.store.queueRange('SCHEDULE_TOPIC_XXXX', 2).maxOffset, 1)
})

test('a group without retry queues keeps nothing, and says so with 0', async (t) => {
  const [broker, client] = await setUp(t)
  const { groups, topics } = broker.broker.parts
  await groups.put({ ...(groups.get('G') ?? assert.fail()), retryQueueNums: 0 })
  const { position } = await sendTo(client, 'T', 'a')
  const end = broker.broker.store.status().maxPosition
  assert.equal((await back(client, { offset: position })).code, 0)
  assert.equal(broker.broker.store.status().maxPosition, end)
  assert.equal(topics.get('%DLQ%G'), undefined)
})

test('M22: a position where no message starts, or none that consumers read, or not one of the topic that is named', async (t) => {
  const [broker, client] = await setUp(t)
  const { position } = await sendTo(client, 'T', 'a')
  const changes = await messagesOf(broker, 'RMQ_SYS_ROCKETCLUSTER')
  const end = broker.broker.store.status().maxPosition
  const cases: readonly (readonly [Back, number, RegExp])[] = [
    [{ offset: position + 1 }, 1, /look message by offset failed/],
    [{ offset: -5 }, 1, /look message by offset failed/],
    [{ offset: Number.MAX_SAFE_INTEGER }, 1, /look message by offset failed/],
    [{ offset: changes[0]?.position ?? assert.fail() }, 16, /RMQ_SYS_ROCKETCLUSTER/],
    [{ offset: position, originTopic: 'Other' }, 29, /not one of topic "Other"/],
    [{ offset: position, group: 'a b' }, 29, /group name/],
  ]
  for (const [request, code, remark] of cases) {
    const said = await back(client, request)
    assert.equal(said.code, code, `${JSON.stringify(request)} ${said.remark}`)
    assert.match(said.remark, remark)
  }
  assert.equal(broker.broker.store.status().maxPosition, end, 'nothing was stored')
  await sendTo(client, 'ns%U', 'b').then(({ position: at }) =>
    back(client, { offset: at, originTopic: 'U' }).then(({ code }) =>
      assert.equal(code, 0, 'without its namespace'),
    ),
  )
})

test('an unknown group is 26 where groups are not made by use; without permission it is 16', async (t) => {
  const [broker, client] = await setUp(t)
  const { position } = await sendTo(client, 'T', 'a')
  const { settings, topics } = broker.broker.parts
  Object.assign(settings, { autoCreateSubscriptionGroup: false })
  assert.equal((await back(client, { offset: position, group: 'X' })).code, 26)
  Object.assign(settings, { brokerPermission: 4 })
  assert.equal((await back(client, { offset: position })).code, 16)
  Object.assign(settings, { brokerPermission: 6 })
  const retry = topics.get('%RETRY%G') ?? assert.fail()
  await topics.put({ ...retry, perm: 4 })
  const said = await back(client, { offset: position })
  assert.deepEqual([said.code, said.remark], [16, 'the topic[%RETRY%G] sending message is forbidden'])
})
