import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queueOffset } from '../../base/units.ts'
import { encodeProperties } from '../../message/properties.ts'
import { decodeRecords } from '../../message/record.ts'
import { type HeaderOf, writeHeader } from '../../remoting/fields.ts'
import { litePullMessage } from '../../remoting/requests/lite-pull-message.ts'
import { type pullHeader, pullMessage, type pullReply } from '../../remoting/requests/pull-message.ts'
import { sendMessageV2 } from '../../remoting/requests/send-message-v2.ts'
import { ask } from '../support/ask.ts'
import { FakePeer } from '../support/broker-fakes.ts'
import { startTestBroker, type TestBroker, until } from '../support/broker-fixture.ts'

type PullHeader = HeaderOf<typeof pullHeader>

const COMMIT = 1
const SUSPEND = 2
const SUBSCRIPTION = 4

const header = (overrides: Partial<PullHeader> = {}): PullHeader => ({
  consumerGroup: 'G',
  topic: 'T',
  queueId: 0,
  queueOffset: 0,
  maxMsgNums: 32,
  sysFlag: SUBSCRIPTION,
  commitOffset: 0,
  suspendTimeoutMillis: 15_000,
  subscription: '*',
  subVersion: 0,
  expressionType: 'TAG',
  ...overrides,
})

interface Pulled {
  readonly code: number
  readonly remark: string | undefined
  readonly header: Partial<HeaderOf<typeof pullReply>>
  readonly bodies: string[]
}

const ALL_CODES = Array.from({ length: 300 }, (_, code) => code)

/** A pull whose answer is shown whatever its code; the four offsets have to be in it. */
async function pull(
  { client, address }: TestBroker,
  overrides: Partial<PullHeader> = {},
  kind: typeof pullMessage | typeof litePullMessage = pullMessage,
): Promise<Pulled> {
  const answer = await client.call(address, kind, header(overrides), { timeoutMs: 10_000, codes: ALL_CODES })
  for (const name of ['suggestWhichBrokerId', 'nextBeginOffset', 'minOffset', 'maxOffset'] as const)
    assert.equal(
      typeof answer.header[name],
      'number',
      `${name} in an answer with code ${answer.command.code}`,
    )
  return {
    code: answer.command.code,
    remark: answer.command.remark,
    header: answer.header,
    bodies: decodeRecords(answer.body).map((message) => message.body.toString()),
  }
}

async function send({ client, address }: TestBroker, body: string, tags = '', queueId = 0): Promise<void> {
  await client.call(
    address,
    sendMessageV2,
    {
      producerGroup: 'P',
      topic: 'T',
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      queueId,
      sysFlag: 0,
      bornTimestamp: 0,
      flag: 0,
      properties: tags === '' ? '' : encodeProperties([['TAGS', tags]]),
      reconsumeTimes: 0,
      unitMode: false,
      batch: false,
    },
    { timeoutMs: 5000, body: Buffer.from(body) },
  )
}

const readable = ({ broker }: TestBroker, count: number): Promise<void> =>
  until(`${count} readable messages`, () => broker.store.queueRange('T', 0).maxOffset >= count)

async function filled(broker: TestBroker, ...bodies: string[]): Promise<void> {
  for (const body of bodies) await send(broker, body)
  await readable(broker, bodies.length)
}

const parked = ({ broker }: TestBroker, count = 1): Promise<void> =>
  until(`${count} parked pulls`, () => broker.parts.longPolls.waitingCount === count)

test('a pull returns the messages of its queue as they are stored, 361 like 11', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'one', 'two', 'three')
  for (const kind of [pullMessage, litePullMessage] as const) {
    const all = await pull(broker, {}, kind)
    assert.equal(all.code, 0)
    assert.equal(all.remark, 'FOUND')
    assert.deepEqual(all.bodies, ['one', 'two', 'three'])
    assert.deepEqual(
      { ...all.header },
      { suggestWhichBrokerId: 0, nextBeginOffset: 3, minOffset: 0, maxOffset: 3 },
    )
    assert.deepEqual((await pull(broker, { queueOffset: 1, maxMsgNums: 1 }, kind)).bodies, ['two'])
  }
})

test('M12: the count of a pull is what the consumer asks for, within reason', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, ...Array.from({ length: 200 }, (_, index) => String(index)))
  assert.equal((await pull(broker, { maxMsgNums: 100 })).bodies.length, 100)
  assert.equal((await pull(broker, { maxMsgNums: 2 ** 31 - 1 })).bodies.length, 160)
  assert.equal((await pull(broker, { maxMsgNums: 0 })).bodies.length, 1)
  assert.equal((await pull(broker, { maxMsgNums: -1 })).bodies.length, 1)
  assert.equal((await pull(broker, { maxMsgBytes: 500 })).bodies.length < 10, true)
  assert.equal((await pull(broker, { maxMsgBytes: 1 })).bodies.length, 1, 'one message always comes')
})

test('thirty-two messages of 1 KB come in one answer', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, ...Array.from({ length: 40 }, () => 'x'.repeat(1024)))
  assert.equal((await pull(broker)).bodies.length, 32)
})

test('the checks come in the order of RocketMQ with its codes', async (t) => {
  const broker = await startTestBroker(t, { text: 'autoCreateSubscriptionGroup=false' })
  const { groups, topics } = broker.broker.parts
  const unknownGroup = await pull(broker, { topic: 'Nothing' })
  assert.equal(unknownGroup.code, 26)
  const group = { ...groups.get('TOOLS_CONSUMER') } as NonNullable<ReturnType<typeof groups.get>>
  await groups.put({ ...group, groupName: 'G', consumeEnable: false })
  assert.equal((await pull(broker, { topic: 'Nothing' })).code, 16)
  await groups.put({ ...group, groupName: 'G', consumeEnable: true })
  const unknownTopic = await pull(broker, { topic: 'Nothing' })
  assert.equal(unknownTopic.code, 17)
  assert.match(unknownTopic.remark ?? '', /topic\[Nothing\] not exist/)
  await send(broker, 'x')
  const config = topics.get('T')
  assert(config)
  await topics.put({ ...config, perm: 2 })
  assert.equal((await pull(broker, { queueId: 9 })).code, 16)
  await topics.put(config)
  for (const queueId of [4, -1]) {
    const outside = await pull(broker, { queueId })
    assert.equal(outside.code, 29)
    assert.match(outside.remark ?? '', /readQueueNums:\[4\]/)
  }
  assert.equal((await pull(broker, { subscription: '||' })).code, 23)
  assert.equal((await pull(broker, { subscription: 'x'.repeat(5000) })).code, 23)
  const sql = await pull(broker, { expressionType: 'SQL92', subscription: 'a > 1' })
  assert.equal(sql.code, 1)
  assert.match(sql.remark ?? '', /does not support consumer to filter message by SQL92/)
})

test('a broker without read permission, or without lite pull, refuses with 16', async (t) => {
  const silent = await startTestBroker(t, { text: 'brokerPermission=2' })
  assert.equal((await pull(silent)).code, 16)
  const noLite = await startTestBroker(t, { text: 'litePullMessageEnable=false' })
  await send(noLite, 'x')
  assert.equal((await pull(noLite, {}, litePullMessage)).code, 16)
  assert.equal((await pull(noLite)).code, 0)
})

test('without a subscription in the request the registered one decides', async (t) => {
  const broker = await startTestBroker(t)
  await send(broker, 'a', 'A')
  await send(broker, 'b', 'B')
  await readable(broker, 2)
  const registered = { sysFlag: 0, subVersion: 5 }
  assert.equal((await pull(broker, registered)).code, 24, 'nobody sent a heartbeat')
  const { clients, groups } = broker.broker.parts
  const beat = (messageModel: 'CLUSTERING' | 'BROADCASTING', topic: string, subVersion: number): void =>
    clients.registerConsumer({
      peer: new FakePeer(),
      clientId: 'c1',
      keepsSubscriptions: false,
      notifies: false,
      data: {
        groupName: 'G',
        consumeType: 'CONSUME_PASSIVELY',
        messageModel,
        consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
        unitMode: false,
        subscriptionDataSet: [
          {
            topic,
            subString: 'B',
            tagsSet: ['B'],
            codeSet: [66],
            subVersion,
            expressionType: 'TAG',
            classFilterMode: false,
          },
        ],
      },
    })
  beat('CLUSTERING', 'Other', 5)
  assert.equal((await pull(broker, registered)).code, 24, 'not this topic')
  beat('CLUSTERING', 'T', 4)
  assert.equal((await pull(broker, registered)).code, 25, 'an old version')
  beat('CLUSTERING', 'T', 5)
  assert.deepEqual((await pull(broker, registered)).bodies, ['b'])
  const group = groups.get('G')
  assert(group)
  await groups.put({ ...group, consumeBroadcastEnable: false })
  beat('BROADCASTING', 'T', 5)
  assert.equal((await pull(broker, registered)).code, 16, 'broadcast is off')
})

test('what the filter holds back is passed over: 20, and the next offset has moved on', async (t) => {
  const broker = await startTestBroker(t)
  for (let count = 0; count < 5; count++) await send(broker, 'a', 'A')
  await readable(broker, 5)
  const none = await pull(broker, { subscription: 'B' })
  assert.equal(none.code, 20)
  assert.equal(none.remark, 'NO_MATCHED_MESSAGE')
  assert.equal(none.header.nextBeginOffset, 5)
})

test('offsets outside the queue are answered 21 with the nearest good one, exactly', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'one', 'two')
  const next = async (offset: number): Promise<unknown[]> => {
    const {
      code,
      remark,
      header: answer,
    } = await pull(broker, { queueOffset: offset, sysFlag: SUBSCRIPTION })
    return [code, remark, answer.nextBeginOffset]
  }
  assert.deepEqual(await next(3), [21, 'OFFSET_OVERFLOW_BADLY', 2])
  assert.deepEqual(await next(Number.MAX_SAFE_INTEGER), [21, 'OFFSET_OVERFLOW_BADLY', 2])
  assert.deepEqual(await next(-1), [21, 'OFFSET_TOO_SMALL', 0])
  assert.deepEqual(await next(2), [19, 'OFFSET_OVERFLOW_ONE', 2])
})

test('M10: the largest and smallest long of Java are offsets like any other', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'one')
  const nextOf = async (queueOffset: string): Promise<unknown[]> => {
    const fields = { ...writeHeader(pullMessage.header, header()), queueOffset }
    const answer = await ask(broker.address, pullMessage.code, fields)
    const { nextBeginOffset } = answer.header.extFields as Record<string, string>
    return [answer.code, nextBeginOffset]
  }
  assert.deepEqual(await nextOf('9223372036854775807'), [21, '1'])
  assert.deepEqual(await nextOf('-9223372036854775808'), [21, '0'])
})

test('an empty queue is 19 from its start and 21 from anywhere else', async (t) => {
  const broker = await startTestBroker(t)
  await send(broker, 'x')
  const start = await pull(broker, { queueId: 1 })
  assert.equal(start.code, 19)
  assert.equal(start.header.nextBeginOffset, 0)
  const beyond = await pull(broker, { queueId: 1, queueOffset: 7 })
  assert.equal(beyond.code, 21)
  assert.equal(beyond.header.nextBeginOffset, 0)
})

test('a parked pull is woken by a message of its queue', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'old')
  const waiting = pull(broker, { queueOffset: 1, sysFlag: SUBSCRIPTION | SUSPEND })
  await parked(broker)
  await send(broker, 'elsewhere', '', 1)
  await send(broker, 'new')
  const { code, bodies } = await waiting
  assert.equal(code, 0)
  assert.deepEqual(bodies, ['new'])
  assert.equal(broker.broker.parts.longPolls.waitingCount, 0)
})

test('a message that the filter holds back wakes nobody', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'old')
  const waiting = pull(broker, { queueOffset: 1, sysFlag: SUBSCRIPTION | SUSPEND, subscription: 'B' })
  await parked(broker)
  await send(broker, 'a', 'A')
  await readable(broker, 2)
  assert.equal(broker.broker.parts.longPolls.waitingCount, 1)
  await send(broker, 'b', 'B')
  assert.deepEqual((await waiting).bodies, ['b'])
})

test('at its deadline a parked pull is read once more and answered 19', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'old')
  const startedAt = performance.now()
  const late = await pull(broker, {
    queueOffset: 1,
    sysFlag: SUBSCRIPTION | SUSPEND,
    suspendTimeoutMillis: 300,
  })
  assert.equal(late.code, 19)
  assert.equal(late.header.nextBeginOffset, 1)
  const elapsedMs = performance.now() - startedAt
  assert(elapsedMs >= 299 && elapsedMs < 1500, `${elapsedMs} ms`)
})

test('without the suspend flag nothing is parked', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'old')
  assert.equal((await pull(broker, { queueOffset: 1 })).code, 19)
})

test('with longPollingEnable=false a pull is parked for shortPollingTimeMills', async (t) => {
  const broker = await startTestBroker(t, { text: 'longPollingEnable=false\nshortPollingTimeMills=50' })
  await filled(broker, 'old')
  const startedAt = performance.now()
  assert.equal((await pull(broker, { queueOffset: 1, sysFlag: SUBSCRIPTION | SUSPEND })).code, 19)
  assert(performance.now() - startedAt < 1000)
})

test('a closed connection frees its parked pulls at once', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'old')
  const waiting = pull(broker, { queueOffset: 1, sysFlag: SUBSCRIPTION | SUSPEND })
  await parked(broker)
  broker.client.close()
  await assert.rejects(waiting)
  await parked(broker, 0)
})

test('stopping the broker answers parked pulls', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'old')
  const waiting = pull(broker, { queueOffset: 1, sysFlag: SUBSCRIPTION | SUSPEND })
  await parked(broker)
  const stopped = broker.broker.stop()
  assert.equal((await waiting).code, 19)
  await stopped
})

test('a pull commits the offset it carries, once, within the queue', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'one', 'two')
  const { offsets } = broker.broker.parts
  await pull(broker, { queueOffset: 1, commitOffset: 1 })
  assert.equal(offsets.get('G', 'T', 0), undefined, 'not without the flag')
  await pull(broker, { queueOffset: 1, commitOffset: 1, sysFlag: SUBSCRIPTION | COMMIT })
  assert.equal(offsets.get('G', 'T', 0), 1)
  for (const commitOffset of [-1, 3, Number.MAX_SAFE_INTEGER])
    await pull(broker, { queueOffset: 1, commitOffset, sysFlag: SUBSCRIPTION | COMMIT })
  assert.equal(offsets.get('G', 'T', 0), 1, 'offsets that cannot be are left out')
  assert.equal(offsets.pullOffset('G', 'T', 0), 2, 'the next pull is kept apart')
})

test('a reset on the server is told by the next pull, once', async (t) => {
  const broker = await startTestBroker(t)
  await filled(broker, 'one', 'two', 'three')
  await pull(broker)
  await broker.broker.parts.offsets.reset('G', 'T', 0, queueOffset(1))
  const moved = await pull(broker, { queueOffset: 3 })
  assert.equal(moved.code, 21)
  assert.equal(moved.header.nextBeginOffset, 1)
  assert.deepEqual((await pull(broker, { queueOffset: 1 })).bodies, ['two', 'three'])
})

test('offsets survive a restart of the broker, and so do the messages', async (t) => {
  const first = await startTestBroker(t)
  await filled(first, 'one', 'two')
  await pull(first, { queueOffset: 1, commitOffset: 1, sysFlag: SUBSCRIPTION | COMMIT })
  await first.stop()
  const second = await startTestBroker(t, { folder: first.folder })
  assert.equal(second.broker.parts.offsets.get('G', 'T', 0), 1)
  assert.deepEqual((await pull(second)).bodies, ['one', 'two'])
})
