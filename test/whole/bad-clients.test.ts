import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logPosition, queueOffset, timestamp } from '../../base/units.ts'
import { encodeRecord } from '../../message/record.ts'
import { until } from '../support/broker-fixture.ts'
import { assertRefused, properties, startMisuse } from '../support/misuse.ts'
import { Stranger } from '../support/stranger.ts'

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

const SUBSCRIPTION = 4
/** Where the body begins in a record with IPv4 hosts. */
const BODY_AT = 88
const SUSPEND = 2
const MIN_LONG = '-9223372036854775808'
const MAX_LONG = '9223372036854775807'

const pull = (changes: Readonly<Record<string, string>> = {}) => ({
  ext: {
    consumerGroup: 'G',
    topic: 'T',
    queueId: '0',
    queueOffset: '0',
    maxMsgNums: '32',
    sysFlag: String(SUBSCRIPTION),
    commitOffset: '0',
    suspendTimeoutMillis: '0',
    subscription: '*',
    subVersion: '0',
    ...changes,
  },
})

const consumer = (groupName: string, subscriptions: readonly object[] = []) => ({
  groupName,
  consumeType: 'CONSUME_PASSIVELY',
  messageModel: 'CLUSTERING',
  consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
  subscriptionDataSet: subscriptions,
  unitMode: false,
})

test('offsets of a pull outside the queue are corrected, up to the bounds of Java’s long (M10)', async (t) => {
  const { send, stranger, finish } = await startMisuse(t)
  for (let count = 0; count < 3; count++) assert.equal((await send()).code, 0)
  for (const [queueOffset, code, next] of [
    ['0', 0, '3'],
    ['3', 19, '3'],
    ['4', 21, '3'],
    ['-1', 21, '0'],
    [MIN_LONG, 21, '0'],
    [MAX_LONG, 21, '3'],
    ['9007199254740993', 21, '3'],
    ['-9007199254740993', 21, '0'],
  ] as const) {
    const { ext, ...answer } = await stranger.ask(11, pull({ queueOffset }))
    assert.equal(answer.code, code, `${queueOffset}: ${answer.remark}`)
    assert.deepEqual([ext?.nextBeginOffset, ext?.minOffset, ext?.maxOffset], [next, '0', '3'], queueOffset)
  }
  for (const timestamp of [MIN_LONG, MAX_LONG, '-1', '0']) {
    const found = await stranger.ask(29, { ext: { topic: 'T', queueId: '0', timestamp } })
    if (found.code === 0) assert.match(found.ext?.offset ?? '', /^[0-3]$/)
    else assertRefused(found, 29, /timestamp/)
  }
  for (const code of [30, 31, 32]) {
    assertRefused(await stranger.ask(code, { ext: { topic: 'T', queueId: '-1' } }), 29, /queueId\[-1\]/)
    assert.equal((await stranger.ask(code, { ext: { topic: 'T', queueId: '2147483647' } })).code, 0)
  }
  await finish()
})

test('committed offsets that no consumer can have reached are 29, or left out of a pull (M11)', async (t) => {
  const { send, stranger, broker, finish } = await startMisuse(t)
  for (let count = 0; count < 3; count++) await send()
  const { offsets } = broker.broker.parts
  await stranger.ask(11, pull())
  const place = { consumerGroup: 'G', topic: 'T', queueId: '0' }
  assert.equal((await stranger.ask(15, { ext: { ...place, commitOffset: '2' } })).code, 0)
  for (const commitOffset of ['-1', '4', '9007199254740991', '-9007199254740991'])
    assertRefused(await stranger.ask(15, { ext: { ...place, commitOffset } }), 29, /allowed are 0 to 3/)
  for (const commitOffset of [MIN_LONG, MAX_LONG])
    assertRefused(await stranger.ask(15, { ext: { ...place, commitOffset } }), 29, /commitOffset/)
  for (const queueId of ['-1', '4', '2147483647'])
    assertRefused(await stranger.ask(15, { ext: { ...place, queueId, commitOffset: '0' } }), 29, /queueId/)
  for (const commitOffset of ['-1', '4', MIN_LONG, MAX_LONG]) {
    stranger.request(15, { ext: { ...place, commitOffset }, flag: 2 })
    await stranger.ask(11, pull({ commitOffset, sysFlag: String(SUBSCRIPTION | 1) }))
  }
  assert.equal(offsets.get('G', 'T', 0), 2)
  await finish()
})

test('counts, waits and expressions of a pull are clamped or refused, whatever they are (M12)', async (t) => {
  const { send, stranger, broker, finish } = await startMisuse(t)
  for (let count = 0; count < 200; count++) await send({ i: properties({ TAGS: 'a' }) })
  for (const maxMsgNums of ['0', '-1', '-2147483648', '1', '2147483647']) {
    const answer = await stranger.ask(11, pull({ maxMsgNums }))
    assert.equal(answer.code, 0)
    const count = Number(answer.ext?.nextBeginOffset)
    assert(count >= 1 && count <= 160, `${maxMsgNums} gave ${count}`)
    assert.equal((await stranger.ask(11, pull({ maxMsgBytes: maxMsgNums }))).code, 0)
  }
  const suspended = pull({ queueOffset: '200', sysFlag: String(SUBSCRIPTION | SUSPEND) })
  for (const suspendTimeoutMillis of ['-1', '0', MIN_LONG]) {
    const startedMs = performance.now()
    const ext = { ...suspended.ext, suspendTimeoutMillis }
    assert.equal((await stranger.ask(11, { ext })).code, 19)
    assert(performance.now() - startedMs < 2000, 'not parked for long')
  }
  const { longPolls } = broker.broker.parts
  const before = longPolls.waitingCount
  const patient = await Stranger.connect(broker.address)
  for (const suspendTimeoutMillis of ['60001', '2147483648', MAX_LONG])
    patient.request(11, { ext: { ...suspended.ext, suspendTimeoutMillis } })
  await until('three are parked', () => longPolls.waitingCount >= before + 3)
  await send({ i: properties({ TAGS: 'a' }) })
  await until('all are answered', () => patient.answerCount === 3)
  patient.close()

  const long = (length: number): string => Array.from({ length }, (_, at) => `tag${at}`).join('||')
  for (const [subscription, code, remark] of [
    ['', 0, /./],
    ['a', 0, /./],
    ['a'.repeat(4096), 20, /./],
    ['a'.repeat(4097), 23, /4097 characters, the limit is 4096/],
    [long(5000), 23, /the limit is 4096/],
    ['||', 23, /names no tag/],
    [' | | ', 20, /./],
    ['(a+)+$', 20, /./],
    ["a' OR 1=1 --", 20, /./],
    ['\u0000', 20, /./],
  ] as const) {
    const answer = await stranger.ask(11, pull({ subscription }))
    assert.equal(answer.code, code, `${subscription.slice(0, 20)}: ${answer.remark}`)
    assert.match(answer.remark ?? '', remark)
  }
  for (const expressionType of ['SQL92', 'x', 'x'.repeat(1000)])
    assertRefused(
      await stranger.ask(11, pull({ expressionType, subscription: 'a > 1' })),
      1,
      /does not support/,
    )
  await finish()
})

test('heartbeats with too many groups, subscriptions or tags are 29; one of a thousand groups is served (M19)', async (t) => {
  const { stranger, broker, finish } = await startMisuse(t)
  const beat = (body: object) => stranger.ask(34, { body: json({ clientID: 'c', ...body }) })
  const groups = (count: number) => Array.from({ length: count }, (_, at) => consumer(`g-${at}`))
  assertRefused(
    await beat({ consumerDataSet: groups(10_000) }),
    29,
    /10000 groups, the limit for a client is 1000/,
  )
  assertRefused(await beat({ producerDataSet: groups(1001) }), 29, /1001 groups/)
  const topics = Array.from({ length: 1001 }, (_, at) => ({
    topic: `t-${at}`,
    subString: '*',
    subVersion: 1,
  }))
  assertRefused(await beat({ consumerDataSet: [consumer('g', topics)] }), 29, /1001 subscriptions/)
  const one = { topic: 't', subString: '*', subVersion: 1 }
  for (const wrong of [
    { ...one, subString: 'x'.repeat(4097) },
    { ...one, tagsSet: Array.from({ length: 1001 }, (_, at) => `${at}`) },
    { ...one, codeSet: Array.from({ length: 1001 }, (_, at) => at) },
    { ...one, topic: 'x'.repeat(256) },
  ])
    assertRefused(
      await beat({ consumerDataSet: [consumer('g', [wrong])] }),
      29,
      /g subscri|subscription of g/,
    )
  for (const clientID of ['', 'x'.repeat(513)])
    assertRefused(await beat({ clientID }), 29, /clientID has \d+ characters/)
  const { parts } = broker.broker
  assert.equal(
    [...parts.groups.configs()].some(({ groupName }) => groupName.startsWith('g-')),
    false,
  )
  const most = await beat({ producerDataSet: groups(1000) })
  assert.equal(most.code, 0, `${most.remark}`)
  assertRefused(
    await beat({ producerDataSet: [{ groupName: 'one-more' }] }),
    29,
    /in 1000 groups, which is the limit/,
  )
  assert.equal(parts.clients.producersOf('g-999').length, 1)
  await finish()
  await until('they leave with their connection', () => parts.clients.producersOf('g-999').length === 0)
})

test('configurations of groups that would fill the memory are 29 (M9, M19)', async (t) => {
  const { stranger, broker, finish } = await startMisuse(t)
  const policy = { type: 'x'.repeat(100_000) }
  const wide = Array.from({ length: 2000 }, (_, at) => ({ topic: `topic-${at}`, expression: 'x'.repeat(50) }))
  for (const config of [
    { groupName: 'G', groupRetryPolicy: policy },
    { groupName: 'G', subscriptionDataSet: wide },
  ]) {
    assertRefused(await stranger.ask(200, { body: json(config) }), 29, /the limit is 65536/)
    const list = json({ groupConfigList: [{ groupName: 'fine' }, config] })
    assertRefused(await stranger.ask(225, { body: list }), 29, /the limit is 65536/)
  }
  for (const group of ['G', 'fine']) assert.equal(broker.broker.parts.groups.get(group), undefined)
  await finish()
})

test('heartbeats that change every time make two notices a second, not hundreds (M19, M20)', async (t) => {
  const { stranger, broker, finish } = await startMisuse(t)
  const watcher = await Stranger.connect(broker.address)
  const beat = (client: Stranger, topics: readonly string[]) =>
    client.ask(34, {
      body: json({
        clientID: 'the-same-id',
        consumerDataSet: [
          consumer(
            'flapping',
            topics.map((topic) => ({ topic, subString: '*', subVersion: Date.now() })),
          ),
        ],
      }),
    })
  assert.equal((await beat(watcher, ['T'])).code, 0)
  for (let count = 0; count < 300; count++) assert.equal((await beat(stranger, [`T-${count}`])).code, 0)
  const notices = watcher.others.filter(({ code }) => code === 40).length
  assert(notices >= 1 && notices <= 20, `${notices} notices for 300 changes`)
  const ids = await stranger.ask(38, { ext: { consumerGroup: 'flapping' } })
  assert.deepEqual(JSON.parse(ids.body.toString()), { consumerIdList: ['the-same-id'] })
  assert.equal(broker.broker.parts.clients.group('flapping')?.members.size, 2)
  assert(broker.broker.parts.clients.duplicateIdCount >= 1)
  watcher.close()
  await finish()
})

test('lock requests for 100,000 queues are 29, and nobody unlocks what another client holds (M24)', async (t) => {
  const { send, stranger, broker, finish } = await startMisuse(t)
  await send()
  const queue = (queueId: number) => ({ topic: 'T', brokerName: 'broker-0', queueId })
  const request = (clientId: string, count: number) =>
    json({ consumerGroup: 'G', clientId, mqSet: Array.from({ length: count }, (_, id) => queue(id)) })
  const locked = async (clientId: string, count: number): Promise<number> => {
    const answer = await stranger.ask(41, { body: request(clientId, count) })
    assert.equal(answer.code, 0, `${answer.remark}`)
    return (JSON.parse(answer.body.toString()) as { lockOKMQSet: unknown[] }).lockOKMQSet.length
  }
  for (const code of [41, 42]) {
    assertRefused(
      await stranger.ask(code, { body: request('a', 16_385) }),
      29,
      /16385 queues, the limit is 16384/,
    )
    const huge = await stranger.ask(code, { body: request('a', 100_000) })
    assertRefused(huge, 29, /takes at most 2097152/)
  }
  assert.equal(await locked('a', 16_384), 4, 'only those that exist')
  assert.equal(await locked('b', 4), 0)
  const before = broker.broker.parts.queueLocks.size
  assert.equal((await stranger.ask(42, { body: request('b', 4) })).code, 0)
  assert.equal(broker.broker.parts.queueLocks.size, before)
  assert.equal(await locked('b', 4), 0)
  await finish()
})

test('a send-back or a view of any place in the log needs a record there, and one of the topic named (M22, M23)', async (t) => {
  const { send, stored, stranger, broker, maxOffset, finish } = await startMisuse(t)
  const { position } = await stored(await send())
  const beyond = broker.broker.store.status().maxPosition + 2 ** 30
  for (const offset of [-1, 1, position + 1, position - 1, beyond, Number.MAX_SAFE_INTEGER].map(String)) {
    assertRefused(
      await stranger.ask(36, { ext: { offset, group: 'G', delayLevel: '0' } }),
      1,
      /no message starts at this position/,
      offset,
    )
    assertRefused(
      await stranger.ask(33, { ext: { offset } }),
      1,
      /can not find message by the offset/,
      offset,
    )
  }
  // The change records of the broker's own tables stand at the start of the log.
  assertRefused(
    await stranger.ask(36, { ext: { offset: '0', group: 'G', delayLevel: '0' } }),
    16,
    /consumers do not read/,
  )
  assertRefused(await stranger.ask(33, { ext: { offset: '0' } }), 1, /can not find message/)
  const right = { offset: String(position) }
  assertRefused(
    await stranger.ask(36, { ext: { ...right, group: 'G', delayLevel: '0', originTopic: 'Other' } }),
    29,
    /not one of topic "Other"/,
  )
  assertRefused(
    await stranger.ask(33, { ext: { ...right, topic: 'Other' } }),
    1,
    /does not hold a message of topic/,
  )
  assert.equal(maxOffset('%RETRY%G') + maxOffset('%DLQ%G'), 0)
  for (const delayLevel of ['-1', '0', '2147483647', '-2147483648'])
    assert.equal((await stranger.ask(36, { ext: { ...right, group: 'G', delayLevel } })).code, 0)
  assert.equal((await stranger.ask(33, { ext: { ...right, topic: 'T' } })).code, 0)
  await finish()
})

test('a body that is a record to the last byte, made for its own place, is no message to send back (M22, M3)', async (t) => {
  const { send, stored, stranger, broker, maxOffset, finish } = await startMisuse(t)
  const { bornHost, storeHost } = await stored(await send())
  const { store } = broker.broker
  const forged = Buffer.alloc(300)
  let place = -1
  let inside = 0
  // Others write, too: the place is right after a few attempts.
  for (let attempt = 0; attempt < 200 && place !== inside; attempt++) {
    place = store.status().maxPosition + BODY_AT
    const size = encodeRecord(
      {
        topic: 'T',
        queueId: 0,
        flag: 0,
        sysFlag: 0,
        bornTimestamp: timestamp(1),
        bornHost,
        storeHost,
        reconsumeTimes: 0,
        preparedTransactionOffset: logPosition(0),
        body: Buffer.from('forged'),
        properties: properties({ REAL_TOPIC: 'evil', INNER_MULTI_DISPATCH: 'x' }),
      },
      forged,
      0,
      { position: logPosition(place), queueOffset: queueOffset(0), storeTimestamp: timestamp(1) },
    )
    inside = (await stored(await send({}, forged.subarray(0, size)))).position + BODY_AT
  }
  assert.equal(inside, place)
  assert(await store.recordAt(logPosition(place)), 'to the store alone it is a record')
  const ext = { offset: String(place), group: 'G', delayLevel: '0' }
  assertRefused(await stranger.ask(36, { ext }), 1, /no message starts at this position/)
  assertRefused(await stranger.ask(36, { ext: { ...ext, delayLevel: '-1' } }), 1, /no message starts/)
  assert.equal(maxOffset('%RETRY%G') + maxOffset('%DLQ%G') + maxOffset('SCHEDULE_TOPIC_XXXX', 2), 0)
  await finish()
})

test('queries by key are bounded and never fail on odd keys and times (M12)', async (t) => {
  const { send, stranger, finish } = await startMisuse(t)
  await send({ i: properties({ KEYS: 'k' }) })
  for (const key of ['', 'k', ' ', '#', 'x'.repeat(30_000), '\u0000', 'é'])
    for (const [begin, end] of [
      ['0', MAX_LONG],
      [MIN_LONG, MAX_LONG],
      [MAX_LONG, MIN_LONG],
      ['-1', '-1'],
    ] as const)
      for (const maxNum of ['0', '-1', '2147483647']) {
        const ext = { topic: 'T', key, maxNum, beginTimestamp: begin, endTimestamp: end }
        const { code, remark } = await stranger.ask(12, { ext })
        assert(code === 0 || code === 22, `${code} ${remark}`)
      }
  await finish()
})

test('clients of any version and language are served and shown (M28)', async (t) => {
  const { stranger, finish } = await startMisuse(t)
  for (const version of [-1, -(2 ** 31), 2 ** 31 - 1, 0, 999])
    for (const language of [0, 12, 77, 255]) {
      const body = json({ clientID: `c${version}`, consumerDataSet: [consumer('odd')] })
      assert.equal((await stranger.ask(34, { version, language, body })).code, 0)
      const shown = await stranger.ask(203, { ext: { consumerGroup: 'odd' }, version, language })
      assert.equal(shown.code, 0, `${shown.remark}`)
      assert.equal((await stranger.ask(11, { ...pull({ topic: 'TBW102' }), version, language })).code, 19)
    }
  await finish()
})
