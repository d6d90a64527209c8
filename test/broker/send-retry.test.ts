import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { encodeBatch } from '../../message/batch.ts'
import type { StoredMessage } from '../../message/message.ts'
import { parseOffsetMessageId } from '../../message/message-id.ts'
import { decodeProperties, encodeProperties } from '../../message/properties.ts'
import { decodeRecord } from '../../message/record.ts'
import { RemotingClient } from '../../remoting/client.ts'
import type { HeaderOf } from '../../remoting/fields.ts'
import { sendMessageV2, type sendV2Header } from '../../remoting/requests/send-message-v2.ts'
import { startTestBroker, type TestBroker, until } from '../support/broker-fixture.ts'

type SendHeader = HeaderOf<typeof sendV2Header>

const header = (overrides: Partial<SendHeader> = {}): SendHeader => ({
  producerGroup: 'P',
  topic: '%RETRY%G',
  defaultTopic: '',
  defaultTopicQueueNums: 4,
  queueId: 0,
  sysFlag: 0,
  bornTimestamp: 0,
  flag: 0,
  properties: encodeProperties([
    ['RETRY_TOPIC', 'T'],
    ['UNIQ_KEY', 'K'],
  ]),
  reconsumeTimes: 1,
  unitMode: false,
  batch: false,
  ...overrides,
})

/** The record that a send made. */
async function sent(
  broker: TestBroker,
  overrides: Partial<SendHeader> = {},
  client: RemotingClient = broker.client,
): Promise<StoredMessage> {
  const body = Buffer.from('again')
  const answer = await client.call(broker.address, sendMessageV2, header(overrides), {
    timeoutMs: 5000,
    body,
  })
  const id = parseOffsetMessageId(answer.header.msgId ?? '')
  assert(id)
  const { store } = broker.broker
  await until('the record is readable', () => store.status().dispatchedPosition > id.position)
  const record = await store.recordAt(id.position)
  assert(record)
  return decodeRecord(record, 0)
}

const refused = (code: number, remark: RegExp) => (error: unknown) => {
  assert(error instanceof Error)
  assert.equal((error as { code?: unknown }).code, code, error.message)
  assert.match(error.message, remark)
  return true
}

test('a retry that a client sends itself is stored in the retry topic, which is made with one queue', async (t) => {
  const broker = await startTestBroker(t)
  const message = await sent(broker)
  assert.equal(message.topic, '%RETRY%G')
  assert.equal(message.reconsumeTimes, 1)
  assert.equal(decodeProperties(message.properties).get('RETRY_TOPIC'), 'T')
  assert.equal(broker.broker.parts.topics.get('%RETRY%G')?.writeQueueNums, 1)
  assert(broker.broker.parts.groups.get('G'))
})

test('without its group a retry is refused with 26 and makes no topic', async (t) => {
  const broker = await startTestBroker(t, { text: 'autoCreateSubscriptionGroup=false' })
  await assert.rejects(sent(broker), refused(26, /subscription group not exist, G/))
  assert.equal(broker.broker.parts.topics.get('%RETRY%G'), undefined)
})

test('more retries than allowed go to the dead letters, undelayed', async (t) => {
  const broker = await startTestBroker(t)
  assert.equal((await sent(broker, { reconsumeTimes: 16 })).topic, '%RETRY%G')
  const dead = await sent(broker, {
    reconsumeTimes: 17,
    properties: encodeProperties([
      ['RETRY_TOPIC', 'T'],
      ['DELAY', '5'],
    ]),
  })
  assert.equal(dead.topic, '%DLQ%G')
  assert.equal(dead.queueId, 0)
  assert.equal(decodeProperties(dead.properties).get('DELAY'), '-1')
  assert.equal(decodeProperties(dead.properties).get('RETRY_TOPIC'), 'T')
  const config = broker.broker.parts.topics.get('%DLQ%G')
  assert.equal(config?.writeQueueNums, 1)
  assert.equal(config?.perm, 6)
})

test('the limit that a client gives counts from version 121 on', async (t) => {
  const broker = await startTestBroker(t)
  assert.equal((await sent(broker, { reconsumeTimes: 3, maxReconsumeTimes: 2 })).topic, '%DLQ%G')
  assert.equal((await sent(broker, { reconsumeTimes: 20, maxReconsumeTimes: 30 })).topic, '%RETRY%G')
  const old = new RemotingClient({ log: silentLog, clock: systemClock, version: 120 })
  t.after(() => old.close())
  assert.equal((await sent(broker, { reconsumeTimes: 3, maxReconsumeTimes: 2 }, old)).topic, '%RETRY%G')
})

test('while the group holds a queue lock its retries are those of an ordered consumer: dead letters', async (t) => {
  const broker = await startTestBroker(t)
  await sent(broker)
  const { queueLocks, clock } = broker.broker.parts
  const queue = { topic: 'T', brokerName: 'broker-a', queueId: 0 }
  queueLocks.lock('G', 'client', queue, clock.monotonicMs())
  assert.equal((await sent(broker)).topic, '%DLQ%G')
  queueLocks.unlock('G', 'client', queue)
  assert.equal((await sent(broker)).topic, '%RETRY%G')
})

test('a batch to a retry topic is refused with 13', async (t) => {
  const broker = await startTestBroker(t)
  const body = encodeBatch([{ flag: 0, body: Buffer.from('x'), properties: '' }])
  await assert.rejects(
    broker.client.call(broker.address, sendMessageV2, header({ batch: true }), { timeoutMs: 5000, body }),
    refused(13, /retry group/),
  )
})

test('M17: a delay level sends the message through the schedule, others are refused or clamped', async (t) => {
  const broker = await startTestBroker(t, { text: 'messageDelayLevel=1s 1h' })
  const delayed = (level: string): Promise<StoredMessage> =>
    sent(broker, { topic: 'T', defaultTopic: 'TBW102', properties: encodeProperties([['DELAY', level]]) })
  const waiting = await delayed('1')
  assert.equal(waiting.topic, 'SCHEDULE_TOPIC_XXXX')
  assert.equal(waiting.queueId, 0)
  const properties = decodeProperties(waiting.properties)
  assert.equal(properties.get('REAL_TOPIC'), 'T')
  assert.equal(properties.get('REAL_QID'), '0')
  assert.equal((await delayed('1000000000')).queueId, 1)
  assert.equal((await delayed('-1')).topic, 'T')
  assert.equal((await delayed('0')).topic, 'T')
  await assert.rejects(delayed('soon'), refused(13, /delay level/))
  await until('the delivery', () => broker.broker.store.queueRange('T', 0).maxOffset === 3, 4000)
})
