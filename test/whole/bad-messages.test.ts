import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc31 } from '../../base/crc32.ts'
import { encodeBatch } from '../../message/batch.ts'
import { decodeProperties } from '../../message/properties.ts'
import { decodeRecord } from '../../message/record.ts'
import { assertRefused, properties, startMisuse } from '../support/misuse.ts'
import { Stranger } from '../support/stranger.ts'

const NO_TOPICS = [
  '',
  '../../x',
  '..',
  '/etc/passwd',
  'a/b',
  'a b',
  'a.b',
  'a\u0000b',
  'a\u0001b',
  'é',
  '主题',
  '%RETRY%../x',
  '%DLQ%a/b',
  'x'.repeat(128),
  `%RETRY%${'x'.repeat(249)}`,
]
const CLOSED_TOPICS = [
  'SCHEDULE_TOPIC_XXXX',
  'RMQ_SYS_TRANS_HALF_TOPIC',
  'RMQ_SYS_TRANS_OP_HALF_TOPIC',
  'TRANS_CHECK_MAX_TIME_TOPIC',
  'SELF_TEST_TOPIC',
  'OFFSET_MOVED_EVENT',
  'RMQ_SYS_ROCKETCLUSTER',
  'rmq_sys_wheel_timer',
  'rmq_sys_anything',
]

test('bodies that are missing or too large are refused with 13 and take no place in the queue (M1)', async (t) => {
  const { send, maxOffset, finish } = await startMisuse(t)
  assert.equal((await send()).code, 0)
  assertRefused(await send({}, Buffer.alloc(0)), 13, /no body/)
  assertRefused(await send({}, Buffer.alloc(65_537)), 13, /65537 bytes, the limit is 65536/)
  assertRefused(await send({}, Buffer.alloc(5 * 1024 * 1024)), 13, /the limit is 65536/)
  const largest = await send({}, Buffer.alloc(65_536))
  assert.equal(largest.ext?.queueOffset, '1', 'nothing of the refused ones was kept')
  assert.equal(maxOffset('T'), 2)
  await finish()
})

test('properties are refused with 13 from 32,768 bytes on, those of the broker counted (M2)', async (t) => {
  const { send, stored, stranger, maxOffset, finish } = await startMisuse(t)
  const added = (await stored(await send({ i: properties({ UNIQ_KEY: 'u', a: 'x' }) }))).properties.length
  const room = 32_767 - added
  const fits = await send({ i: properties({ UNIQ_KEY: 'u', a: 'x'.repeat(room + 1) }) })
  assert.equal(fits.code, 0, `${fits.remark}`)
  assert.equal((await stored(fits)).properties.length, 32_767)
  assertRefused(
    await send({ i: properties({ UNIQ_KEY: 'u', a: 'x'.repeat(room + 2) }) }),
    13,
    /properties have more than 32767 bytes/,
  )
  // 16,384 characters of two bytes each.
  assertRefused(await send({ i: properties({ UNIQ_KEY: 'u', a: 'é'.repeat(16_384) }) }), 13, /32767/)
  // What the broker would have to add no longer fits: a refusal, never a broken record.
  assertRefused(
    await send({ i: properties({ UNIQ_KEY: 'u', DELAY: '1', a: 'x'.repeat(room - 8) }) }),
    13,
    /32767/,
  )
  const { position } = await stored(fits)
  const back = await stranger.ask(36, { ext: { offset: String(position), group: 'G', delayLevel: '0' } })
  assertRefused(back, 13, /32767/)
  assert.equal(maxOffset('T'), 2)
  await finish()
})

test('what the broker decides by never comes from a forged copy of a property (M3, M4)', async (t) => {
  const { send, stored, broker, maxOffset, finish } = await startMisuse(t)
  const forged = {
    REAL_TOPIC: 'other',
    REAL_QID: '3',
    PGROUP: 'g',
    DLQ_ORIGIN_TOPIC: 'x',
    DLQ_ORIGIN_MESSAGE_ID: 'x',
    POP_CK: '1 2 3',
    '1ST_POP_TIME': '1',
    CLUSTER: 'evil',
    TRACE_ON: 'false',
    MSG_REGION: 'moon',
    INNER_MULTI_DISPATCH: '%LMQ%a,%LMQ%b',
    INNER_NUM: '7',
    INNER_BASE: '9',
    '__CRC32#': '0000000000',
    TIMER_ENQUEUE_MS: '1',
    TIMER_DEQUEUE_MS: '1',
    TIMER_ROLL_TIMES: '1',
    '__RMQ.TRANSIENT.x': '1',
    RETRY_TOPIC: 'x',
  }
  const direct = await stored(await send({ i: properties({ ...forged, mine: 'kept' }) }))
  // Or hidden in a value with the separators.
  const hidden = await stored(await send({ i: `mine\u0001kept\u0002${properties(forged)}` }))
  for (const message of [direct, hidden]) {
    assert.equal(message.topic, 'T')
    const found = Object.fromEntries(
      [...decodeProperties(message.properties)].filter(([name]) => name !== 'UNIQ_KEY'),
    )
    assert.deepEqual(found, {
      mine: 'kept',
      CLUSTER: 'TestCluster',
      MSG_REGION: 'DefaultRegion',
      TRACE_ON: 'true',
    })
  }
  // A delayed message comes back to where it was sent, not to where it says.
  const before = maxOffset('T')
  const delayed = await send({ i: `DELAY\u00011\u0002REAL_TOPIC\u0001other\u0002REAL_QID\u00013\u0002` })
  assert.equal(delayed.code, 0)
  const { parts } = broker.broker
  const queued = await stored(delayed)
  assert.equal(decodeProperties(queued.properties).get('REAL_TOPIC'), 'T')
  assert.equal(maxOffset('T'), before)
  assert.equal(parts.topics.get('other'), undefined)
  await finish()
})

test('names outside the grammar are refused with 29 at every entry, and nothing is made of them (M5, M6)', async (t) => {
  const { send, stranger, broker, finish } = await startMisuse(t)
  const { parts } = broker.broker
  const topicsBefore = [...parts.topics.names()].length
  for (const topic of NO_TOPICS) {
    for (const code of [310, 320])
      assertRefused(await send({ b: topic }, undefined, code), 29, /topic name/, JSON.stringify(topic))
    const ext = { topic, readQueueNums: '1', writeQueueNums: '1', perm: '6', defaultTopic: 'TBW102' }
    assertRefused(
      await stranger.ask(17, { ext: { ...ext, topicFilterType: 'SINGLE_TAG' } }),
      29,
      /topic name/,
      JSON.stringify(topic),
    )
    const list = JSON.stringify({ topicConfigList: [{ topicName: topic }] })
    assertRefused(await stranger.ask(18, { body: Buffer.from(list) }), 29, /topic name/)
    assertRefused(await stranger.ask(215, { ext: { topic } }), 29, /topic name/)
  }
  const groupsBefore = [...parts.groups.configs()].length
  for (const group of ['', 'a/b', '..', 'a b', 'a\u0000', 'é', 'x'.repeat(121), '../../x']) {
    const body = (value: object): Buffer => Buffer.from(JSON.stringify(value))
    const consumer = {
      groupName: group,
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
      subscriptionDataSet: [],
    }
    const pull = { consumerGroup: group, topic: 'T', queueId: '0', queueOffset: '0', sysFlag: '4' }
    const answers = await Promise.all([
      stranger.ask(34, { body: body({ clientID: 'c', consumerDataSet: [consumer] }) }),
      stranger.ask(34, { body: body({ clientID: 'c', producerDataSet: [{ groupName: group }] }) }),
      stranger.ask(11, { ext: pull }),
      stranger.ask(36, { ext: { offset: '0', group, delayLevel: '0' } }),
      stranger.ask(41, { body: body({ consumerGroup: group, clientId: 'c', mqSet: [] }) }),
      stranger.ask(42, { body: body({ consumerGroup: group, clientId: 'c', mqSet: [] }) }),
      stranger.ask(200, { body: body({ groupName: group }) }),
      stranger.ask(225, { body: body({ groupConfigList: [{ groupName: group }] }) }),
    ])
    for (const answer of answers) assertRefused(answer, 29, /group name/, JSON.stringify(group))
    const commit = { consumerGroup: group, topic: 'T', queueId: '0', commitOffset: '0' }
    assertRefused(await stranger.ask(15, { ext: commit }), 26, /not exist/)
  }
  assert.equal([...parts.topics.names()].length, topicsBefore)
  assert.equal([...parts.groups.configs()].length, groupsBefore)
  await finish()
})

test('names at the edge of the grammar are stored and found again after a restart (M5)', async (t) => {
  const { cluster, send, finish } = await startMisuse(t)
  const topics = [
    '%'.repeat(127),
    '|'.repeat(127),
    '-',
    '_',
    `%DLQ%${'|'.repeat(122)}`,
    `%RETRY%${'%'.repeat(120)}`,
    '%2E%2E',
    '%00',
    'con',
    '__proto__',
    'constructor',
  ]
  for (const topic of topics) {
    const answer = await send({ b: topic }, Buffer.from(topic))
    assert.equal(answer.code, 0, `${topic}: ${answer.remark}`)
  }
  // The name of a dead letter topic may be longer than any that the store takes; groups have no such names.
  assertRefused(await send({ b: `%DLQ%${'|'.repeat(123)}` }), 13, /longer than 127 bytes/)
  await finish()
  await cluster.restartBroker()
  const consumer = await Stranger.connect(cluster.brokers[0]?.address ?? '')
  for (const topic of topics) {
    const ext = { consumerGroup: 'G', topic, queueId: '0', queueOffset: '0', sysFlag: '4', subscription: '*' }
    const pulled = await consumer.ask(11, { ext })
    assert.equal(pulled.code, 0, `${topic}: ${pulled.remark}`)
    assert.equal(decodeRecord(pulled.body, 0).body.toString(), topic)
  }
  consumer.close()
})

test('topics that the broker alone writes are refused with 16, whatever the way in (M7, M4)', async (t) => {
  const { send, broker, stranger, maxOffset, finish } = await startMisuse(t)
  for (const topic of CLOSED_TOPICS) {
    const before = maxOffset(topic)
    for (const code of [310, 320])
      assertRefused(await send({ b: topic }, undefined, code), 16, /forbidden/, topic)
    if (topic !== 'RMQ_SYS_ROCKETCLUSTER' && topic !== 'SCHEDULE_TOPIC_XXXX')
      assert.equal(maxOffset(topic), before, topic)
    assertRefused(await stranger.ask(215, { ext: { topic } }), 29, /system topic/, topic)
  }
  // As a template for a new topic they are no way in either.
  assertRefused(await send({ b: 'new', c: 'RMQ_SYS_ROCKETCLUSTER' }), 17, /not exist/)
  assert.equal(broker.broker.parts.topics.get('new'), undefined)
  await finish()
})

test('queue ids outside the topic are 29, a topic without queues to write to is 16 (M8)', async (t) => {
  const { send, stranger, finish } = await startMisuse(t)
  assert.equal((await send()).code, 0)
  for (const queueId of ['-2', '4', '1023', '2147483647', '-2147483648'])
    assertRefused(await send({ e: queueId }), 29, /queueId\[-?\d+\] is illegal.*0 to 3/)
  const ext = { topic: 'Closed', readQueueNums: '4', writeQueueNums: '0', perm: '6', defaultTopic: '' }
  assert.equal((await stranger.ask(17, { ext: { ...ext, topicFilterType: 'SINGLE_TAG' } })).code, 0)
  for (const queueId of ['-1', '0', '3'])
    assertRefused(await send({ b: 'Closed', e: queueId }), 16, /writeQueueNums is 0/)
  await finish()
})

test('queues and topics have ceilings (M9)', async (t) => {
  const { send, stranger, broker, finish } = await startMisuse(t, 'maxTopicNum=100')
  const ext = { topic: 'Wide', perm: '6', defaultTopic: '', topicFilterType: 'SINGLE_TAG' }
  for (const count of ['10000000', '1025', '-1', '2147483647'])
    for (const field of ['readQueueNums', 'writeQueueNums'])
      assertRefused(
        await stranger.ask(17, { ext: { ...ext, readQueueNums: '4', writeQueueNums: '4', [field]: count } }),
        29,
        new RegExp(`${field}: ${count} is not allowed; it may be 0 to 1024`),
      )
  assert.equal((await send({ b: 'Asked', d: '2147483647' })).code, 0)
  assert((broker.broker.parts.topics.get('Asked')?.writeQueueNums ?? 0) <= 16)
  const codes = await Promise.all(
    Array.from({ length: 200 }, async (_, at) => (await send({ b: `T-${at}` })).code),
  )
  assert.equal(broker.broker.parts.topics.size, 100)
  assert.deepEqual(
    [...new Set(codes)].sort((a, b) => a - b),
    [0, 17],
  )
  assert.equal((await send({ b: 'T-0' })).code, 0, 'those that are there go on')
  await finish()
})

test('system flag, hosts, times and counters of a client cannot break a record (M13, M16, M18)', async (t) => {
  const { send, stored, stranger, maxOffset, finish } = await startMisuse(t)
  const body = Buffer.from('not compressed at all')
  for (const sysFlag of ['2147483647', '-1', '-2147483648', '12', '8', '240', '769']) {
    const answer = await send({ f: sysFlag }, body)
    if ((Number(sysFlag) & 12) === 4) assertRefused(answer, 16, /transaction/)
    else {
      const message = await stored(answer)
      assert.equal(message.sysFlag & ~0x303, 0, `${sysFlag} became ${message.sysFlag}`)
      assert.deepEqual(message.body, body)
    }
  }
  assertRefused(await send({ f: '4' }, body), 16, /transaction/)
  const extremes = ['-1', '0', '2147483647', '-2147483648']
  for (const value of extremes) {
    const message = await stored(
      await send({ h: value, j: value, bornHost: '1.2.3.4:5', storeHost: '9.9.9.9:9' }, body),
    )
    assert.equal(message.flag, Number(value))
    assert.equal(message.reconsumeTimes, Number(value))
    assert.equal(Buffer.from(message.bornHost).subarray(0, 4).join('.'), '127.0.0.1')
    assert.equal(Buffer.from(message.storeHost).subarray(0, 4).join('.'), '127.0.0.1')
    // A retry of it counts one more, or as many as there can be.
    const back = await stranger.ask(36, {
      ext: { offset: String(message.position), group: 'G', delayLevel: '0', maxReconsumeTimes: '2147483647' },
    })
    assert.equal(back.code, 0, `${value}: ${back.remark}`)
  }
  for (const born of ['-1', '0', '-9007199254740991', '9007199254740991'])
    assert.equal((await stored(await send({ g: born }, body))).bornTimestamp, Number(born))
  const last = await stored(await send({}, body))
  assert.equal(last.bodyCrc, crc31(body))
  assert.equal(last.queueOffset, maxOffset('T') - 1, 'no send left a hole')
  await finish()
})

test('a batch is checked as a whole before any of it is stored (M15)', async (t) => {
  const { send, maxOffset, finish } = await startMisuse(t)
  assert.equal((await send()).code, 0)
  const inner = (body: string, text = '') => ({ flag: 0, body: Buffer.from(body), properties: text })
  const good = encodeBatch([inner('a'), inner('b', 'k\u0001v\u0002')])
  const damaged = (at: number, value: number): Buffer => {
    const copy = Buffer.from(good)
    copy.writeInt32BE(value, at)
    return copy
  }
  const cases: readonly (readonly [what: string, body: Buffer])[] = [
    ['size 0', damaged(0, 0)],
    ['size -1', damaged(0, -1)],
    ['size beyond the end', damaged(0, good.length + 1)],
    ['size 2^31-1', damaged(0, 2 ** 31 - 1)],
    ['a size that overlaps the next', damaged(0, 24)],
    ['body -1', damaged(16, -1)],
    ['body beyond its message', damaged(16, 1000)],
    ['body 2^31-1', damaged(16, 2 ** 31 - 1)],
    ['a second that is cut', good.subarray(0, good.length - 1)],
    ['bytes behind the last', Buffer.concat([good, Buffer.from([0])])],
    ['1,025 messages', encodeBatch(Array.from({ length: 1025 }, () => inner('')))],
    ['no batch', Buffer.from('hello')],
    ['one too large among good ones', encodeBatch([inner('a'), inner('x'.repeat(65_537)), inner('b')])],
    [
      'properties too long among good ones',
      encodeBatch([inner('a'), inner('b', `k\u0001${'v'.repeat(32_700)}\u0002`)]),
    ],
  ]
  for (const [what, body] of cases)
    for (const code of [320, 310]) assertRefused(await send({ m: 'true' }, body, code), 13, /./, what)
  assertRefused(await send({ m: 'true', b: '%RETRY%G' }, good), 13, /retry/)
  assert.equal(maxOffset('T'), 1)
  const stored = await send({ m: 'true' }, good, 320)
  assert.equal(stored.ext?.queueOffset, '1')
  const empty = await send({ m: 'true' }, encodeBatch(Array.from({ length: 1024 }, () => inner(''))), 320)
  assert(empty.code === 0 || empty.code === 13, `${empty.code}`)
  await finish()
})

test('delay levels and timers out of range are clamped or refused (M17)', async (t) => {
  const { send, stored, finish } = await startMisuse(t)
  for (const level of ['-1', '0', '-999999999']) {
    const message = await stored(await send({ i: properties({ DELAY: level }) }))
    assert.equal(message.topic, 'T', level)
  }
  for (const level of ['19', '1000000000', '999999999999999']) {
    const message = await stored(await send({ i: properties({ DELAY: level }) }))
    assert.equal(message.topic, 'SCHEDULE_TOPIC_XXXX', level)
    assert.equal(message.queueId, 17, 'the largest level there is')
  }
  for (const level of ['x', '1.5', '', '1e3', '9'.repeat(400)]) {
    const answer = await send({ i: `DELAY\u0001${level}\u0002` })
    if (level !== '') assertRefused(answer, 13, /delay level/, level)
  }
  for (const name of ['TIMER_DELAY_SEC', 'TIMER_DELAY_MS', 'TIMER_DELIVER_MS'])
    for (const value of ['9223372036854775807', '-1', '1'])
      assertRefused(
        await send({ i: properties({ [name]: value }) }),
        1,
        /accurate timer message is not enabled/,
      )
  await finish()
})
