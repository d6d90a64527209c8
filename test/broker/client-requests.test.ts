import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { getConsumerListByGroup } from '../../remoting/requests/get-consumer-list-by-group.ts'
import { heartBeat } from '../../remoting/requests/heart-beat.ts'
import { lockBatchMq } from '../../remoting/requests/lock-batch-mq.ts'
import { queryConsumerOffset } from '../../remoting/requests/query-consumer-offset.ts'
import { unlockBatchMq } from '../../remoting/requests/unlock-batch-mq.ts'
import { unregisterClient } from '../../remoting/requests/unregister-client.ts'
import { updateConsumerOffset } from '../../remoting/requests/update-consumer-offset.ts'
import { connectTo, consumerBeat, sendTo, type TestClient } from '../support/broker-client.ts'
import { startTestBroker, type TestBroker, until } from '../support/broker-fixture.ts'

const ids = async (client: TestClient, consumerGroup: string): Promise<string[]> => {
  const { code, text } = await client.ask(getConsumerListByGroup, { consumerGroup })
  return code === 0 ? (JSON.parse(text) as { consumerIdList: string[] }).consumerIdList.sort() : []
}

const commit = (
  client: TestClient,
  offset: number,
  more: { topic?: string; group?: string; queueId?: number } = {},
) =>
  client.ask(updateConsumerOffset, {
    consumerGroup: more.group ?? 'G',
    topic: more.topic ?? 'T',
    queueId: more.queueId ?? 0,
    commitOffset: offset,
  })

const committed = (
  client: TestClient,
  more: { group?: string; queueId?: number; setZeroIfNotFound?: boolean } = {},
) =>
  client.ask(queryConsumerOffset, {
    consumerGroup: more.group ?? 'G',
    topic: 'T',
    queueId: more.queueId ?? 0,
    ...(more.setZeroIfNotFound === undefined ? undefined : { setZeroIfNotFound: more.setZeroIfNotFound }),
  })

/** A broker whose topic T has messages and whose group G is there. */
async function withGroup(t: TestContext, messages = 3): Promise<[TestBroker, TestClient]> {
  const broker = await startTestBroker(t)
  const client = connectTo(t, broker)
  for (let count = 0; count < messages; count++) await sendTo(client, 'T', `m${count}`)
  await client.beat(consumerBeat('a', 'G'))
  return [broker, client]
}

test('a heartbeat makes the group and its retry topic and joins the list of clients', async (t) => {
  const broker = await startTestBroker(t)
  const client = connectTo(t, broker)
  const said = await client.beat(consumerBeat('10.0.0.1@1', 'G', ['T', '%RETRY%G'], { unitMode: true }))
  assert.equal(said.code, 0)
  assert.equal(said.ext.IS_SUPPORT_HEART_BEAT_V2, 'true')
  assert.equal(said.ext.IS_SUB_CHANGE, 'true')
  const { groups, topics, clients } = broker.broker.parts
  assert.equal(groups.get('G')?.retryMaxTimes, 16)
  const retry = topics.get('%RETRY%G')
  assert.deepEqual(
    [retry?.readQueueNums, retry?.writeQueueNums, retry?.perm, retry?.topicSysFlag, retry?.order],
    [1, 1, 6, 2, false],
  )
  assert.equal(clients.subscription('G', 'T')?.subString, '*')
  assert.deepEqual(await ids(client, 'G'), ['10.0.0.1@1'])
  const none = await client.ask(getConsumerListByGroup, { consumerGroup: 'X' })
  assert.deepEqual([none.code, none.remark], [1, 'no consumer for this group, X'])
})

test('members hear of each other, of a clean leave and of a lost connection', async (t) => {
  const broker = await startTestBroker(t)
  const [a, b, c] = [connectTo(t, broker), connectTo(t, broker), connectTo(t, broker)]
  await a.beat(consumerBeat('a', 'G'))
  await b.beat(consumerBeat('b', 'G'))
  await until('a hears of b', () => a.notices.length >= 2 && b.notices.length >= 1)
  await c.beat(consumerBeat('c', 'G'))
  assert.deepEqual(await ids(a, 'G'), ['a', 'b', 'c'])
  await until('all hear of c', () => c.notices.length >= 1)
  const before = a.notices.length
  assert.equal((await b.ask(unregisterClient, { clientID: 'b', consumerGroup: 'G' })).code, 0)
  assert.deepEqual(await ids(a, 'G'), ['a', 'c'])
  await until('a hears that b left', () => a.notices.length > before)
  const then = a.notices.length
  c.close()
  await until('c is gone', () => broker.broker.parts.clients.consumerIds('G').length === 1)
  await until('a hears that c is lost', () => a.notices.length > then)
  assert.equal((await a.ask(unregisterClient, { clientID: 'x', producerGroup: 'nobody' })).code, 0)
})

test('a C++ heartbeat with ordinals and numbers as strings is understood', async (t) => {
  const broker = await startTestBroker(t)
  const client = connectTo(t, broker)
  const said = await client.beat({
    clientID: 'cpp',
    producerDataSet: [{ groupName: 'P' }],
    consumerDataSet: [
      {
        consumeFromWhere: 0,
        consumeType: 1,
        groupName: 'G',
        messageModel: 1,
        subscriptionDataSet: [
          {
            classFilterMode: false,
            codeSet: ['2598919'],
            subString: 'TagA',
            subVersion: '1700000000000',
            tagsSet: ['TagA'],
            topic: 'T',
          },
        ],
      },
    ],
  })
  assert.equal(said.code, 0, said.remark)
  const group = broker.broker.parts.clients.group('G')
  assert.deepEqual(
    [group?.consumeType, group?.messageModel, group?.consumeFromWhere],
    ['CONSUME_PASSIVELY', 'CLUSTERING', 'CONSUME_FROM_LAST_OFFSET'],
  )
  assert.equal(group?.subscriptions.get('T')?.subVersion, 1_700_000_000_000)
  assert.equal(broker.broker.parts.clients.producersOf('P').length, 1)
})

test('heartbeat v2: beats without subscriptions keep those that are known', async (t) => {
  const broker = await startTestBroker(t)
  const client = connectTo(t, broker)
  const beat = (fingerprint: number, withoutSub: boolean, topics: string[]) =>
    client.beat({ ...consumerBeat('a', 'G', topics), heartbeatFingerprint: fingerprint, withoutSub })
  assert.equal((await beat(5, false, ['T'])).ext.IS_SUB_CHANGE, 'false')
  assert.equal((await beat(5, true, [])).ext.IS_SUB_CHANGE, 'false')
  assert.ok(broker.broker.parts.clients.subscription('G', 'T'))
  const other = connectTo(t, broker)
  const changed = await other.beat({ ...consumerBeat('b', 'G', ['T', 'U']), heartbeatFingerprint: 6 })
  assert.equal(changed.ext.IS_SUB_CHANGE, 'true')
})

test('an ordered topic makes the retry topic of its consumers ordered', async (t) => {
  const broker = await startTestBroker(t)
  const client = connectTo(t, broker)
  const { topics } = broker.broker.parts
  await topics.put({
    topicName: 'Ordered',
    readQueueNums: 4,
    writeQueueNums: 4,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: true,
    attributes: {},
  })
  await client.beat(consumerBeat('a', 'G'))
  assert.equal(topics.get('%RETRY%G')?.order, false)
  await client.beat(consumerBeat('a', 'G', ['T', 'Ordered']))
  assert.equal(topics.get('%RETRY%G')?.order, true)
  const { counter } = topics.dataVersion
  await client.beat(consumerBeat('b', 'G', ['T']))
  await client.beat(consumerBeat('a', 'G', ['T', 'Ordered']))
  assert.equal(topics.dataVersion.counter, counter, 'consumers that differ write nothing')
})

test('M6: bad names are answered 29 by name, the rest of the heartbeat counts', async (t) => {
  const broker = await startTestBroker(t)
  const client = connectTo(t, broker)
  const said = await client.beat({
    clientID: 'a',
    producerDataSet: [{ groupName: 'a b' }, { groupName: 'P' }],
    consumerDataSet: [{ groupName: '../x' }, { groupName: 'G', subscriptionDataSet: [{ topic: 'T' }] }],
  })
  assert.equal(said.code, 29)
  assert.match(said.remark, /\.\.\/x/)
  const { clients, groups } = broker.broker.parts
  assert.deepEqual(clients.consumerIds('G'), ['a'])
  assert.equal(clients.producersOf('P').length, 1)
  assert.equal(groups.get('../x'), undefined)
})

test('M19, F15: too much or no sense in a heartbeat is answered 29', async (t) => {
  const broker = await startTestBroker(t)
  const client = connectTo(t, broker)
  const many = (count: number) => Array.from({ length: count }, (_, index) => ({ groupName: `P${index}` }))
  const subscription = (more: object) => ({
    clientID: 'a',
    consumerDataSet: [{ groupName: 'G', subscriptionDataSet: [{ topic: 'T', ...more }] }],
  })
  for (const [body, remark] of [
    ['', /missing/],
    ['not json', /not JSON/],
    ['[]', /not an object/],
    ['{}', /clientID/],
    ['{"clientID":""}', /clientID/],
    [`{"clientID":"${'x'.repeat(513)}"}`, /clientID/],
    [JSON.stringify({ clientID: 'a', producerDataSet: many(1001) }), /1001 groups/],
    [JSON.stringify(subscription({ subString: 'x'.repeat(4097) })), /too long/],
    [JSON.stringify(subscription({ topic: 'x'.repeat(256) })), /256 characters/],
    [JSON.stringify(subscription({ tagsSet: Array(1001).fill('x') })), /too long/],
    [JSON.stringify(subscription({ subVersion: 'new' })), /subVersion/],
    [
      JSON.stringify({
        clientID: 'a',
        consumerDataSet: [{ groupName: 'G', subscriptionDataSet: Array(1001).fill({ topic: 'T' }) }],
      }),
      /1001 subscriptions/,
    ],
    [`{"clientID":"a"}${' '.repeat(3 * 1024 * 1024)}`, /bytes/],
  ] as const) {
    const said = await client.ask(heartBeat, {}, body)
    assert.equal(said.code, 29, `${body.slice(0, 60)}: ${said.remark}`)
    assert.match(said.remark, remark)
  }
  assert.equal(broker.broker.parts.clients.group('G'), undefined)
})

test('unknown groups are left out where groups are not made by use, pull consumers where they are refused', async (t) => {
  const broker = await startTestBroker(t, {
    text: 'autoCreateSubscriptionGroup=false\nrejectPullConsumerEnable=true',
  })
  const client = connectTo(t, broker)
  const { clients, groups } = broker.broker.parts
  assert.equal((await client.beat(consumerBeat('a', 'G'))).code, 0)
  assert.equal(clients.group('G'), undefined)
  await groups.put({ ...(groups.get('TOOLS_CONSUMER') ?? assert.fail()), groupName: 'G' })
  await client.beat(consumerBeat('a', 'G', ['T'], { consumeType: 'CONSUME_ACTIVELY' }))
  assert.equal(clients.group('G'), undefined)
  await client.beat(consumerBeat('a', 'G'))
  assert.deepEqual(clients.consumerIds('G'), ['a'])
})

test('an offset that was never committed is 22, except where the first message is still hot', async (t) => {
  const [, client] = await withGroup(t, 1)
  assert.deepEqual((await committed(client)).ext, { offset: '0' })
  const strict = await committed(client, { setZeroIfNotFound: false })
  assert.equal(strict.code, 22)
  assert.equal((await committed(client, { queueId: 1 })).code, 22, 'an empty queue has no first message')
  assert.equal((await committed(client, { group: 'unknown' })).code, 0)
})

test('commits are kept: one-way ones soon, others before their answer', async (t) => {
  const [broker, client] = await withGroup(t)
  const before = broker.broker.store.status().maxPosition
  await client.tell(updateConsumerOffset, { consumerGroup: 'G', topic: 'T', queueId: 0, commitOffset: 1 })
  await until('the commit is known', () => broker.broker.parts.offsets.get('G', 'T', 0) === 1)
  await until('it is in the log', () => broker.broker.store.status().maxPosition > before)
  const then = broker.broker.store.status().maxPosition
  assert.equal((await commit(client, 3)).code, 0)
  assert.ok(broker.broker.store.status().maxPosition > then)
  assert.deepEqual((await committed(client)).ext, { offset: '3' })
})

test('committed offsets, groups and topics are there after a restart', async (t) => {
  const [broker, client] = await withGroup(t)
  await commit(client, 2)
  await client.tell(updateConsumerOffset, { consumerGroup: 'G', topic: 'T', queueId: 0, commitOffset: 3 })
  await until('the commit is known', () => broker.broker.parts.offsets.get('G', 'T', 0) === 3)
  await broker.stop()
  const again = await startTestBroker(t, { folder: broker.folder })
  assert.deepEqual((await committed(connectTo(t, again))).ext, { offset: '3' })
  assert.ok(again.broker.parts.groups.get('G'))
})

test('M11: offsets that cannot have been reached are refused with 29, smaller ones win', async (t) => {
  const [broker, client] = await withGroup(t)
  await commit(client, 2)
  for (const offset of [-1, 4, Number.MAX_SAFE_INTEGER]) {
    const said = await commit(client, offset)
    assert.equal(said.code, 29)
    assert.match(said.remark, /0 to 3/)
  }
  assert.deepEqual((await committed(client)).ext, { offset: '2' })
  assert.equal((await commit(client, 1)).code, 0)
  assert.deepEqual((await committed(client)).ext, { offset: '1' })
  assert.equal(broker.broker.parts.offsets.backwardCommitCount, 1)
})

test('commits for what does not exist are refused: group 26, topic 17, queue 29', async (t) => {
  const [broker, client] = await withGroup(t)
  assert.deepEqual((await commit(client, 0, { group: 'X' })).code, 26)
  assert.deepEqual((await commit(client, 0, { topic: 'X' })).code, 17)
  assert.deepEqual((await commit(client, 0, { queueId: 4 })).code, 29)
  assert.deepEqual((await commit(client, 0, { queueId: -1 })).code, 29)
  assert.deepEqual((await commit(client, 0, { queueId: 3 })).code, 0)
  assert.deepEqual(broker.broker.parts.offsets.topicsOf('X'), [])
})

test('a commit does not undo a reset that the client has not seen yet', async (t) => {
  const [broker, client] = await withGroup(t)
  const { offsets, store } = broker.broker.parts
  await offsets.reset('G', 'T', 0, store.queueRange('T', 0).minOffset)
  const said = await commit(client, 3)
  assert.deepEqual([said.code, said.remark], [0, 'Offset has been previously reset'])
  assert.equal(offsets.get('G', 'T', 0), 0)
  offsets.takeReset('G', 'T', 0)
  await commit(client, 3)
  assert.equal(offsets.get('G', 'T', 0), 3)
})

const lockBody = (clientId: string, queueIds: readonly unknown[], group = 'G', topic = 'T') =>
  JSON.stringify({
    consumerGroup: group,
    clientId,
    mqSet: queueIds.map((queueId) => ({ topic, brokerName: 'broker-a', queueId })),
  })

test('queue locks: the answer lists what the client holds; queues that do not exist are never held', async (t) => {
  const [, client] = await withGroup(t)
  const lock = async (clientId: string, queueIds: readonly unknown[]) => {
    const { text } = await client.ask(lockBatchMq, {}, lockBody(clientId, queueIds))
    const { lockOKMQSet } = JSON.parse(text) as { lockOKMQSet: { queueId: number }[] }
    return lockOKMQSet.map(({ queueId }) => queueId)
  }
  assert.deepEqual(await lock('a', [0, 1, 9, -1]), [0, 1])
  assert.deepEqual(await lock('b', [1, 2]), [2])
  assert.equal((await client.ask(unlockBatchMq, {}, lockBody('b', [0, 1, 77]))).code, 0)
  assert.deepEqual(await lock('b', [0, 1]), [], 'M24: nobody frees the locks of others')
  await client.ask(unlockBatchMq, {}, lockBody('a', [1]))
  assert.deepEqual(await lock('b', ['1']), [1], 'numbers as strings')
})

test('M24: lock requests that make no sense or name too many queues are answered 29', async (t) => {
  const [broker, client] = await withGroup(t)
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /missing/],
    ['{', /JSON/],
    [lockBody('a', [0], 'a b'), /group name/],
    [lockBody('', [0]), /clientId/],
    [lockBody('a', [0.5]), /queueId/],
    [
      lockBody(
        'a',
        Array.from({ length: 16_385 }, (_, index) => index),
      ),
      /16385 queues/,
    ],
  ]
  for (const kind of [lockBatchMq, unlockBatchMq])
    for (const [body, remark] of cases) {
      const said = await client.ask(kind, {}, body)
      assert.equal(said.code, 29, said.remark)
      assert.match(said.remark, remark)
    }
  assert.equal(broker.broker.parts.queueLocks.size, 0)
})
