import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeBatch } from '../../message/batch.ts'
import type { StoredMessage } from '../../message/message.ts'
import { offsetMessageId, parseOffsetMessageId } from '../../message/message-id.ts'
import { decodeProperties, encodeProperties } from '../../message/properties.ts'
import { decodeRecord } from '../../message/record.ts'
import type { HeaderOf } from '../../remoting/fields.ts'
import type { Answer } from '../../remoting/peer.ts'
import { sendBatchMessage } from '../../remoting/requests/send-batch-message.ts'
import { sendMessage, type sendReply } from '../../remoting/requests/send-message.ts'
import { sendMessageV2, type sendV2Header } from '../../remoting/requests/send-message-v2.ts'
import { MemoryDisk } from '../../store/memory-disk.ts'
import { startFakeNameserver, startTestBroker, type TestBroker, until } from '../support/broker-fixture.ts'

type SendHeader = HeaderOf<typeof sendV2Header>

const header = (overrides: Partial<SendHeader> = {}): SendHeader => ({
  producerGroup: 'P',
  topic: 'T',
  defaultTopic: 'TBW102',
  defaultTopicQueueNums: 4,
  queueId: 0,
  sysFlag: 0,
  bornTimestamp: 1_700_000_000_000,
  flag: 0,
  properties: '',
  reconsumeTimes: 0,
  unitMode: false,
  batch: false,
  ...overrides,
})

const props = (pairs: Record<string, string>): string => encodeProperties(Object.entries(pairs))

const send = (
  { client, address }: TestBroker,
  overrides: Partial<SendHeader> = {},
  body: Buffer = Buffer.from('hello'),
): Promise<Answer<typeof sendReply>> =>
  client.call(address, sendMessageV2, header(overrides), { timeoutMs: 5000, body })

async function stored(broker: TestBroker, msgId: string | undefined): Promise<StoredMessage> {
  const id = parseOffsetMessageId(msgId ?? '')
  assert(id, `${msgId} is an offset message id`)
  const { store, parts } = broker.broker
  assert.deepEqual(Buffer.from(id.storeHost), Buffer.from(parts.storeHost))
  await until('the record is readable', () => store.status().dispatchedPosition > id.position)
  const record = await store.recordAt(id.position)
  assert(record, 'a record stands at the position of its id')
  return decodeRecord(record, 0)
}

const refused = (code: number, remark: RegExp) => (error: unknown) => {
  assert(error instanceof Error)
  assert.equal((error as { code?: unknown }).code, code, error.message)
  assert.match(error.message, remark)
  return true
}

test('a send is answered with its place and the two fields that Java clients need', async (t) => {
  const broker = await startTestBroker(t)
  const first = await send(broker)
  const second = await send(broker)
  assert.equal(first.command.ext?.MSG_REGION, 'DefaultRegion')
  assert.equal(first.command.ext?.TRACE_ON, 'true')
  assert.equal(first.header.queueId, 0)
  assert.equal(first.header.queueOffset, 0)
  assert.equal(second.header.queueOffset, 1)
  assert.notEqual(first.header.msgId, second.header.msgId)
})

test('codes 10, 310 and 320 store what was sent, with what the broker adds', async (t) => {
  const broker = await startTestBroker(t)
  for (const kind of [sendMessage, sendMessageV2, sendBatchMessage] as const) {
    const answer = await broker.client.call(
      broker.address,
      kind,
      header({ properties: props({ TAGS: 'A', UNIQ_KEY: '0011', mine: 'ü' }), flag: 7, queueId: 1 }),
      { timeoutMs: 5000, body: Buffer.from('body') },
    )
    const message = await stored(broker, answer.header.msgId)
    assert.equal(message.topic, 'T')
    assert.equal(message.queueId, 1)
    assert.equal(message.flag, 7)
    assert.equal(message.bornTimestamp, 1_700_000_000_000)
    assert.equal(message.body.toString(), 'body')
    assert.deepEqual(Object.fromEntries(decodeProperties(message.properties)), {
      TAGS: 'A',
      UNIQ_KEY: '0011',
      mine: 'ü',
      MSG_REGION: 'DefaultRegion',
      TRACE_ON: 'true',
      CLUSTER: 'TestCluster',
    })
  }
})

test('a message without a unique key gets one of its own', async (t) => {
  const broker = await startTestBroker(t)
  const keys = new Set<string | undefined>()
  for (let count = 0; count < 3; count++) {
    const { properties } = await stored(broker, (await send(broker)).header.msgId)
    const key = decodeProperties(properties).get('UNIQ_KEY')
    assert.match(key ?? '', /^[0-9A-F]{32}$/)
    keys.add(key)
  }
  assert.equal(keys.size, 3)
})

test('M8: queue -1 is chosen by the broker, others outside the topic are refused with 29', async (t) => {
  const broker = await startTestBroker(t, { random: () => 0.99 })
  assert.equal((await send(broker, { queueId: -1 })).header.queueId, 3)
  await assert.rejects(send(broker, { queueId: 4 }), refused(29, /queueId\[4\].*0 to 3/))
  await assert.rejects(send(broker, { queueId: -2 }), refused(29, /queueId\[-2\]/))
  await broker.broker.parts.topics.put({ ...topic('Closed'), writeQueueNums: 0 })
  await assert.rejects(send(broker, { topic: 'Closed' }), refused(16, /writeQueueNums/))
})

const topic = (topicName: string) => ({
  topicName,
  readQueueNums: 4,
  writeQueueNums: 4,
  perm: 6,
  topicFilterType: 'SINGLE_TAG' as const,
  topicSysFlag: 0,
  order: false,
  attributes: {},
})

test('an unknown topic is made from the template, once for many sends at a time, and nameservers hear of it', async (t) => {
  const nameserver = await startFakeNameserver(t)
  const broker = await startTestBroker(t, { text: `namesrvAddr=${nameserver.address}` })
  await until('the first registration', () => nameserver.registered.length > 0)
  const { counter } = broker.broker.parts.topics.dataVersion
  await Promise.all(
    Array.from({ length: 20 }, () => send(broker, { topic: 'Fresh', defaultTopicQueueNums: 3 })),
  )
  assert.equal(broker.broker.parts.topics.dataVersion.counter, counter + 1)
  const made = broker.broker.parts.topics.get('Fresh')
  assert.deepEqual(JSON.parse(JSON.stringify(made)), {
    ...topic('Fresh'),
    readQueueNums: 3,
    writeQueueNums: 3,
  })
  await until('the new topic at the nameserver', () => {
    const last = nameserver.registered.at(-1)
    return last?.data.topicConfigSerializeWrapper.topicConfigTable.Fresh !== undefined
  })
})

test('without auto-creation, or without a template that may be inherited, an unknown topic is answered 17', async (t) => {
  const closed = await startTestBroker(t, { text: 'autoCreateTopicEnable=false' })
  await assert.rejects(send(closed), refused(17, /topic\[T\] not exist/))
  assert.equal(closed.broker.parts.topics.get('TBW102'), undefined)
  const open = await startTestBroker(t)
  await assert.rejects(send(open, { defaultTopic: 'BenchmarkTest' }), refused(17, /TBW102/))
  await assert.rejects(send(open, { defaultTopic: '' }), refused(17, /TBW102/))
  assert.equal((await send(open, { defaultTopic: 'TestCluster', topic: 'C' })).header.queueId, 0)
})

test('a template is not left behind when auto-creation is switched off', async (t) => {
  const first = await startTestBroker(t)
  await first.stop()
  const second = await startTestBroker(t, { folder: first.folder, text: 'autoCreateTopicEnable=false' })
  assert.equal(second.broker.parts.topics.get('TBW102'), undefined)
})

test('M5: topic names outside the grammar are refused with 29 and nothing is made', async (t) => {
  const broker = await startTestBroker(t)
  for (const name of [
    '../x',
    '..',
    '/abs',
    'a\0b',
    'é',
    'a b',
    'x'.repeat(128),
    '%RETRY%../x',
    `%RETRY%${'g'.repeat(300)}`,
  ]) {
    await assert.rejects(send(broker, { topic: name }), refused(29, /name/), name)
    assert.equal(broker.broker.parts.topics.get(name), undefined)
  }
  await assert.rejects(send(broker, { topic: '' }), refused(29, /empty/))
  assert.equal((await send(broker, { topic: 'x'.repeat(127) })).header.queueOffset, 0)
})

test('M7: topics of the broker itself are refused with 16', async (t) => {
  const broker = await startTestBroker(t)
  const closed = [
    'SCHEDULE_TOPIC_XXXX',
    'RMQ_SYS_TRANS_HALF_TOPIC',
    'RMQ_SYS_TRANS_OP_HALF_TOPIC',
    'TRANS_CHECK_MAX_TIME_TOPIC',
    'SELF_TEST_TOPIC',
    'OFFSET_MOVED_EVENT',
    'RMQ_SYS_ROCKETCLUSTER',
    'rmq_sys_wheel_timer',
    'rmq_sys_REVIVE_LOG_TestCluster',
  ]
  for (const name of closed)
    await assert.rejects(send(broker, { topic: name }), refused(16, /forbidden/), name)
})

test('M9: the number of topics is limited, and what exists still works', async (t) => {
  const broker = await startTestBroker(t, { text: 'maxTopicNum=100' })
  const room = 100 - broker.broker.parts.topics.size
  const sends = Array.from({ length: room + 10 }, (_, index) => send(broker, { topic: `many-${index}` }))
  const results = await Promise.allSettled(sends)
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, room)
  for (const result of results) if (result.status === 'rejected') refused(17, /limit is 100/)(result.reason)
  assert.equal((await send(broker, { topic: 'many-0' })).header.queueOffset, 1)
})

test('M1, M2: bodies that are missing or too large are refused with 13 and take no queue offset', async (t) => {
  const broker = await startTestBroker(t)
  await assert.rejects(send(broker, {}, Buffer.alloc(0)), refused(13, /no body/))
  await assert.rejects(send(broker, {}, Buffer.alloc(65_537)), refused(13, /65537.*65536/))
  const long = props({ a: 'x'.repeat(33_000) })
  await assert.rejects(send(broker, { properties: long }), refused(13, /32767/))
  assert.equal((await send(broker, {}, Buffer.alloc(65_536))).header.queueOffset, 0)
})

test('a send before startAcceptSendRequestTimeStamp is refused with 1', async (t) => {
  const broker = await startTestBroker(t, { text: `startAcceptSendRequestTimeStamp=${Date.now() + 60_000}` })
  await assert.rejects(send(broker), refused(1, /until 20/))
})

test('the broker without write permission refuses ordered topics only', async (t) => {
  const broker = await startTestBroker(t, { text: 'brokerPermission=4' })
  await broker.broker.parts.topics.put({ ...topic('Ordered'), order: true })
  await assert.rejects(send(broker, { topic: 'Ordered' }), refused(16, /ordered/))
  assert.equal((await send(broker)).header.queueOffset, 0)
})

test('transactions and timers are refused with the codes of a broker that has them switched off', async (t) => {
  const broker = await startTestBroker(t)
  await send(broker)
  await assert.rejects(send(broker, { properties: props({ TRAN_MSG: 'true' }) }), refused(16, /transaction/))
  await assert.rejects(send(broker, { sysFlag: 4 }), refused(16, /transaction/))
  for (const name of ['TIMER_DELAY_SEC', 'TIMER_DELAY_MS', 'TIMER_DELIVER_MS'])
    await assert.rejects(send(broker, { properties: props({ [name]: '5' }) }), refused(1, /timer/))
  assert.equal((await send(broker)).header.queueOffset, 1, 'nothing of it was stored')
})

test('M13: system flag bits that a client may not set are masked', async (t) => {
  const broker = await startTestBroker(t)
  const all = 0x7fff_ffff & ~0x4 & ~0x8
  assert.equal((await stored(broker, (await send(broker, { sysFlag: all })).header.msgId)).sysFlag, 0x303)
  const committed = await stored(broker, (await send(broker, { sysFlag: 0x8 })).header.msgId)
  assert.equal(committed.sysFlag, 0)
  assert.equal((await stored(broker, (await send(broker, { sysFlag: 0xc })).header.msgId)).sysFlag, 0)
})

test('M18: hosts in a record come from the socket, not from the client', async (t) => {
  const broker = await startTestBroker(t)
  const message = await stored(
    broker,
    (await send(broker, { properties: props({ __BORNHOST: '1.2.3.4' }) })).header.msgId,
  )
  assert.deepEqual([...message.bornHost.subarray(0, 4)], [127, 0, 0, 1])
  assert.deepEqual(Buffer.from(message.storeHost), Buffer.from(broker.broker.parts.storeHost))
})

test('a batch becomes messages next to each other, its answer lists their ids', async (t) => {
  const broker = await startTestBroker(t)
  await send(broker, { queueId: 2 })
  const body = encodeBatch([
    { flag: 1, body: Buffer.from('one'), properties: props({ UNIQ_KEY: 'K1', TAGS: 'A' }) },
    { flag: 2, body: Buffer.from('two'), properties: props({ UNIQ_KEY: 'K2', REAL_TOPIC: 'evil' }) },
    { flag: 3, body: Buffer.from('three'), properties: '' },
  ])
  const outer = props({ UNIQ_KEY: 'OUTER', WAIT: 'true', shared: 'yes' })
  // The flag decides, not the code (protocol §8.17): C++ sends batches with 310.
  const answer = await send(broker, { queueId: 2, batch: true, properties: outer }, body)
  assert.equal(answer.header.queueOffset, 1)
  const ids = (answer.header.msgId ?? '').split(',')
  assert.equal(ids.length, 3)
  const messages = await Promise.all(ids.map((id) => stored(broker, id)))
  assert.deepEqual(
    messages.map((message) => [message.queueOffset, message.flag, message.body.toString()]),
    [
      [1, 1, 'one'],
      [2, 2, 'two'],
      [3, 3, 'three'],
    ],
  )
  const [first, second, third] = messages.map((message) => decodeProperties(message.properties))
  assert.equal(first?.get('UNIQ_KEY'), 'K1')
  assert.equal(first?.get('shared'), 'yes')
  assert.equal(first?.has('WAIT'), false)
  assert.equal(second?.get('UNIQ_KEY'), 'K2')
  assert.equal(second?.has('REAL_TOPIC'), false)
  assert.match(third?.get('UNIQ_KEY') ?? '', /^[0-9A-F]{32}$/)
})

test('M15: a batch that is none is refused with 13 as a whole', async (t) => {
  const broker = await startTestBroker(t)
  await send(broker)
  const good = encodeBatch([{ flag: 0, body: Buffer.from('x'), properties: '' }])
  const bad: [string, Buffer][] = [
    ['garbage', Buffer.from('no batch at all, just some text')],
    ['a cut end', Buffer.concat([good, good.subarray(0, 10)])],
    ['too many', Buffer.concat(Array.from({ length: 1025 }, () => good))],
    [
      'a negative body',
      Buffer.concat([good.subarray(0, 16), Buffer.from([255, 255, 255, 255]), good.subarray(20)]),
    ],
  ]
  for (const [what, body] of bad)
    await assert.rejects(send(broker, { batch: true }, body), refused(13, /batch/), what)
  await assert.rejects(send(broker, { batch: true }, Buffer.alloc(0)), refused(13, /no body/))
  assert.equal((await send(broker)).header.queueOffset, 1)
})

test('offsetMsgId is that of the record', async (t) => {
  const broker = await startTestBroker(t)
  const { header: answer } = await send(broker)
  const message = await stored(broker, answer.msgId)
  assert.equal(offsetMessageId(broker.broker.parts.storeHost, message.position), answer.msgId)
})

test('oneway sends are stored without an answer', async (t) => {
  const broker = await startTestBroker(t)
  await send(broker)
  for (let count = 0; count < 5; count++)
    await broker.client.tell(broker.address, sendMessageV2, header(), Buffer.from('x'))
  await until('six messages', () => broker.broker.store.queueRange('T', 0).maxOffset === 6)
})

test('WAIT=false is counted, and does not wait for the disk unless that is switched off', async (t) => {
  for (const isAllowed of [true, false]) {
    let isHeld = false
    const held: (() => void)[] = []
    const disk = new MemoryDisk({
      schedule: (run, operation) => {
        if (isHeld && operation.kind === 'datasync') held.push(run)
        else queueMicrotask(run)
      },
    })
    const text = `flushDiskType=SYNC_FLUSH\nallowClientWaitOverride=${isAllowed}`
    const broker = await startTestBroker(t, { disk, text })
    await send(broker)
    isHeld = true
    const outcomes: string[] = []
    const patient = send(broker, { properties: props({ WAIT: 'true' }) }).then(() => outcomes.push('patient'))
    const hasty = send(broker, { properties: props({ WAIT: 'false' }) }).then(() => outcomes.push('hasty'))
    await until('the sync to be under way', () => held.length > 0)
    if (isAllowed) await hasty
    assert.deepEqual(outcomes, isAllowed ? ['hasty'] : [])
    assert.equal(broker.broker.store.queueRange('T', 0).maxOffset, 1, 'not readable before it is durable')
    isHeld = false
    for (const run of held.splice(0)) run()
    await Promise.all([patient, hasty])
    assert.equal(broker.broker.waitOverrideCount, 1)
  }
})
