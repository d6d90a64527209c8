import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, zstdCompressSync } from 'node:zlib'
import { logPosition, queueOffset, timestamp } from '../../base/units.ts'
import { decodeMessages } from '../../client/received.ts'
import { hostBytes } from '../../message/host.ts'
import type { NewMessage } from '../../message/message.ts'
import { encodeRecord, recordSize } from '../../message/record.ts'
import { COMPRESSED, COMPRESSION_ZSTD } from '../../message/sys-flag.ts'

const host = hostBytes('10.0.0.1', 10911) ?? assert.fail()
const queue = { topic: 't', brokerName: 'a', queueId: 3 }

function record(message: Partial<NewMessage>): Buffer {
  const whole: NewMessage = {
    topic: 't',
    queueId: 3,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: timestamp(1),
    bornHost: host,
    storeHost: host,
    reconsumeTimes: 0,
    preparedTransactionOffset: logPosition(0),
    body: Buffer.from('hello'),
    properties: '',
    ...message,
  }
  const buffer = Buffer.alloc(recordSize(whole))
  const place = { position: logPosition(77), queueOffset: queueOffset(5), storeTimestamp: timestamp(2) }
  encodeRecord(whole, buffer, 0, place)
  return buffer
}

test('records that follow each other are all decoded, with keys, tags and ids', () => {
  const properties = 'KEYS\u0001a b\u0002TAGS\u0001x\u0002UNIQ_KEY\u0001ID\u0002'
  const [first, second] = decodeMessages(Buffer.concat([record({ properties }), record({})]), queue)
  assert.deepEqual(first?.keys, ['a', 'b'])
  assert.equal(first?.tags, 'x')
  assert.equal(first?.messageId, 'ID')
  assert.equal(second?.messageId, second?.offsetMessageId)
  assert.equal(second?.offsetMessageId, '0A00000100002A9F000000000000004D')
  assert.equal(second?.body.toString(), 'hello')
})

test('compressed bodies are inflated by their kind', () => {
  const zlib = record({ body: deflateSync('hello'), sysFlag: COMPRESSED })
  const zstd = record({ body: zstdCompressSync('hello'), sysFlag: COMPRESSED | COMPRESSION_ZSTD })
  for (const message of decodeMessages(Buffer.concat([zlib, zstd]), queue))
    assert.equal(message.body.toString(), 'hello')
})

test('a body that does not inflate is handed over as stored, with the reason', () => {
  const [message] = decodeMessages(record({ sysFlag: COMPRESSED }), queue)
  assert.equal(message?.body.toString(), 'hello')
  assert.match(message?.bodyProblem ?? '', /header/)
})

test('a retried message shows its original topic', () => {
  const retried = record({
    topic: '%RETRY%g',
    properties: 'RETRY_TOPIC\u0001orders\u0002',
    reconsumeTimes: 1,
  })
  assert.equal(decodeMessages(retried, queue)[0]?.topic, 'orders')
})

test('an answer that is cut short is refused as a whole', () => {
  const whole = record({})
  assert.throws(() => decodeMessages(whole.subarray(0, whole.length - 1), queue), /no whole record at byte 0/)
})
