import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOffsetMessageId } from '../../message/message-id.ts'
import { encodeProperties } from '../../message/properties.ts'
import { decodeRecords, positionAt } from '../../message/record.ts'
import { writeHeader } from '../../remoting/fields.ts'
import { getEarliestMsgStoretime } from '../../remoting/requests/get-earliest-msg-storetime.ts'
import { getMaxOffset } from '../../remoting/requests/get-max-offset.ts'
import { getMinOffset } from '../../remoting/requests/get-min-offset.ts'
import { queryMessage } from '../../remoting/requests/query-message.ts'
import { searchOffsetByTimestamp } from '../../remoting/requests/search-offset-by-timestamp.ts'
import { sendMessageV2 } from '../../remoting/requests/send-message-v2.ts'
import { viewMessageById } from '../../remoting/requests/view-message-by-id.ts'
import { ask } from '../support/ask.ts'
import { startTestBroker, type TestBroker, until } from '../support/broker-fixture.ts'

const timeoutMs = 5000

async function send(
  { client, address }: TestBroker,
  topic: string,
  pairs: Record<string, string>,
): Promise<number> {
  const { header } = await client.call(
    address,
    sendMessageV2,
    {
      producerGroup: 'P',
      topic,
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      queueId: 0,
      sysFlag: 0,
      bornTimestamp: 0,
      flag: 0,
      properties: encodeProperties(Object.entries(pairs)),
      reconsumeTimes: 0,
      unitMode: false,
      batch: false,
    },
    { timeoutMs, body: Buffer.from('body') },
  )
  return parseOffsetMessageId(header.msgId ?? '')?.position ?? Number.NaN
}

const refused = (code: number, remark: RegExp) => (error: unknown) => {
  assert(error instanceof Error)
  assert.equal((error as { code?: unknown }).code, code, error.message)
  assert.match(error.message, remark)
  return true
}

const readable = ({ broker }: TestBroker, topic: string, count: number): Promise<void> =>
  until(`${count} readable messages`, () => broker.store.queueRange(topic, 0).maxOffset >= count)

test('M23: a message is found by its offset id; a topic that is given has to be its own', async (t) => {
  const broker = await startTestBroker(t)
  const offset = await send(broker, 'T', {})
  await readable(broker, 'T', 1)
  const view = (header: { offset: number; topic?: string }): Promise<Buffer> =>
    broker.client.call(broker.address, viewMessageById, header, { timeoutMs }).then(({ body }) => body)
  for (const header of [{ offset }, { offset, topic: 'T' }, { offset, topic: '' }])
    assert.deepEqual(
      decodeRecords(await view(header)).map((message) => message.topic),
      ['T'],
    )
  await assert.rejects(view({ offset, topic: 'Other' }), refused(1, /topic Other/))
  await assert.rejects(view({ offset: offset + 1 }), refused(1, /can not find message by the offset/))
  await assert.rejects(view({ offset: -1 }), refused(1, /can not find/))
  await assert.rejects(view({ offset: 2 ** 40 }), refused(1, /can not find/))
  await assert.rejects(view({ offset: 0 }), refused(1, /can not find/), 'a change record of our tables')
})

test('the offsets of a queue, also of one that does not exist', async (t) => {
  const broker = await startTestBroker(t)
  for (let count = 0; count < 3; count++) await send(broker, 'T', {})
  await readable(broker, 'T', 3)
  const { client, address } = broker
  const max = await client.call(address, getMaxOffset, { topic: 'T', queueId: 0 }, { timeoutMs })
  const min = await client.call(address, getMinOffset, { topic: 'T', queueId: 0 }, { timeoutMs })
  assert.equal(max.header.offset, 3)
  assert.equal(min.header.offset, 0)
  const nothing = await client.call(address, getMaxOffset, { topic: 'Nothing', queueId: 5 }, { timeoutMs })
  assert.equal(nothing.header.offset, 0)
  for (const kind of [getMaxOffset, getMinOffset, getEarliestMsgStoretime] as const)
    await assert.rejects(
      client.call<typeof kind.header, typeof kind.reply>(
        address,
        kind,
        { topic: 'T', queueId: -1 },
        { timeoutMs },
      ),
      refused(29, /queueId\[-1\]/),
    )
})

test('offsets by time and the earliest store time', async (t) => {
  const broker = await startTestBroker(t)
  const before = Date.now()
  for (let count = 0; count < 3; count++) await send(broker, 'T', {})
  await readable(broker, 'T', 3)
  const { client, address } = broker
  const search = async (timestamp: number, boundaryType?: 'LOWER' | 'UPPER'): Promise<number | undefined> => {
    const header = {
      topic: 'T',
      queueId: 0,
      timestamp,
      ...(boundaryType === undefined ? {} : { boundaryType }),
    }
    return (await client.call(address, searchOffsetByTimestamp, header, { timeoutMs })).header.offset
  }
  assert.equal(await search(before - 1), 0)
  assert.equal(await search(before + 60_000), 3)
  assert.equal(await search(before + 60_000, 'UPPER'), 2)
  assert.equal(await search(before - 60_000, 'UPPER'), 0)
  const earliest = await client.call(
    address,
    getEarliestMsgStoretime,
    { topic: 'T', queueId: 0 },
    { timeoutMs },
  )
  assert((earliest.header.timestamp ?? 0) >= before - 1)
  const none = await client.call(address, getEarliestMsgStoretime, { topic: 'T', queueId: 3 }, { timeoutMs })
  assert.equal(none.header.timestamp, -1)
})

test('messages are found by key and by unique key, within the time window', async (t) => {
  const broker = await startTestBroker(t)
  const first = await send(broker, 'T', { KEYS: 'k1 k2', UNIQ_KEY: 'U1' })
  const second = await send(broker, 'T', { KEYS: 'k2', UNIQ_KEY: 'U2' })
  await send(broker, 'Other', { KEYS: 'k2', UNIQ_KEY: 'U3' })
  await readable(broker, 'Other', 1)
  const query = async (
    key: string,
    maxNum = 32,
    endTimestamp = Number.MAX_SAFE_INTEGER,
  ): Promise<number[]> => {
    const { body } = await broker.client.call(
      broker.address,
      queryMessage,
      { topic: 'T', key, maxNum, beginTimestamp: 0, endTimestamp },
      { timeoutMs },
    )
    return splitPositions(body)
  }
  assert.deepEqual(await query('k1'), [first])
  assert.deepEqual(new Set(await query('k2')), new Set([first, second]))
  assert.equal((await query('k2', 1)).length, 1)
  assert.equal((await query('k2', -5)).length, 1)
  assert.deepEqual(await query('U2'), [second])
  await assert.rejects(query('k3'), refused(22, /k3/))
  await assert.rejects(query('k1', 32, 1000), refused(22, /time range/))
})

test('a unique key query of a Java client, whose end of time is Long.MAX_VALUE', async (t) => {
  const broker = await startTestBroker(t)
  const offset = await send(broker, 'T', { UNIQ_KEY: 'U1' })
  await readable(broker, 'T', 1)
  const answer = await ask(broker.address, 12, {
    ...writeHeader(queryMessage.header, {
      topic: 'T',
      key: 'U1',
      maxNum: 1,
      beginTimestamp: 0,
      endTimestamp: 0,
    }),
    endTimestamp: '9223372036854775807',
    _UNIQUE_KEY_QUERY: 'true',
  })
  assert.equal(answer.code, 0)
  assert.deepEqual(splitPositions(answer.body), [offset])
})

function splitPositions(body: Buffer): number[] {
  const positions: number[] = []
  for (let at = 0; at < body.length; at += body.readInt32BE(at)) positions.push(positionAt(body, at))
  return positions
}
