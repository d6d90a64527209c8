import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 as zlibCrc } from 'node:zlib'
import fc from 'fast-check'
import { AssertionError } from '../../base/assert.ts'
import { logPosition, queueOffset, timestamp } from '../../base/units.ts'
import { hostBytes } from '../../message/host.ts'
import type { NewMessage } from '../../message/message.ts'
import {
  bodyAt,
  CRC_PROPERTY_BYTES,
  decodeRecord,
  decodeRecords,
  encodeBlank,
  encodeRecord,
  MAGIC_V1,
  MAGIC_V2,
  magicAt,
  positionAt,
  propertiesAt,
  queueIdAt,
  queueOffsetAt,
  readLong,
  recordSize,
  sizeAt,
  storeTimestampAt,
  topicAt,
  verifyRecord,
  writeLong,
} from '../../message/record.ts'

const host = (ip: string, port: number): Uint8Array => hostBytes(ip, port) ?? Buffer.alloc(8)
const v4 = host('10.0.0.1', 40_001)
const v6 = host('2001:db8::2', 10_911)
const hosts = fc.constantFrom(v4, v6)
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const safe = fc.maxSafeInteger()

const anyMessage: fc.Arbitrary<NewMessage> = fc.record({
  topic: fc.oneof(
    fc.string({ minLength: 1, maxLength: 20 }),
    fc.string({ minLength: 120, maxLength: 260, unit: fc.constantFrom('a', 'b', '%') }),
    fc.string({ minLength: 1, maxLength: 100, unit: fc.constantFrom('主', 'é') }),
  ),
  queueId: int32,
  flag: int32,
  sysFlag: fc.integer({ min: 0, max: 0x3ff }),
  bornTimestamp: safe.map(timestamp),
  bornHost: hosts,
  storeHost: hosts,
  reconsumeTimes: int32,
  preparedTransactionOffset: safe.map(logPosition),
  body: fc.uint8Array({ maxLength: 200 }),
  properties: fc.oneof(fc.string({ maxLength: 60 }), fc.constant('KEYS\u0001é\u0002TAGS\u0001A\u0002')),
})
const anyPlacement = fc.record({
  position: safe.map(logPosition),
  queueOffset: safe.map(queueOffset),
  storeTimestamp: safe.map(timestamp),
})

test('a record is read as it was written, at any place of a buffer, with and without the CRC property', () => {
  fc.assert(
    fc.property(
      anyMessage,
      anyPlacement,
      fc.boolean(),
      fc.nat(30),
      (message, placement, hasCrcProperty, at) => {
        const size = recordSize(message, { hasCrcProperty })
        const buffer = Buffer.alloc(at + size + 10, 0xee)
        assert.equal(encodeRecord(message, buffer, at, placement, { hasCrcProperty }), size)
        assert.equal(sizeAt(buffer, at), size)
        assert.deepEqual(buffer.subarray(0, at), Buffer.alloc(at, 0xee))
        assert.deepEqual(buffer.subarray(at + size), Buffer.alloc(10, 0xee))
        const check = verifyRecord(buffer, at, at + size, { isCrcPropertyChecked: true })
        assert.deepEqual(check, { kind: 'record', sizeBytes: size })
        const { properties, ...read } = decodeRecord(buffer, at)
        const { properties: written, body, bornHost, storeHost, sysFlag, ...same } = message
        const bits = (bornHost === v6 ? 0x10 : 0) | (storeHost === v6 ? 0x20 : 0)
        assert.deepEqual(read, {
          ...same,
          ...placement,
          sizeBytes: size,
          bodyCrc: zlibCrc(body) & 0x7fffffff,
          sysFlag: (sysFlag & ~0x30) | bits,
          body: Buffer.from(body),
          bornHost: Buffer.from(bornHost),
          storeHost: Buffer.from(storeHost),
        })
        const lost = Buffer.from(written).toString()
        if (hasCrcProperty) assert.equal(properties.lastIndexOf('__CRC32#\u0001'), properties.length - 20)
        else assert.equal(properties, lost)
        assert(properties.startsWith(lost))
        assert.equal(positionAt(buffer, at), placement.position)
        assert.equal(queueOffsetAt(buffer, at), placement.queueOffset)
        assert.equal(storeTimestampAt(buffer, at), placement.storeTimestamp)
        assert.equal(queueIdAt(buffer, at), message.queueId)
        assert.equal(topicAt(buffer, at), Buffer.from(message.topic).toString())
        assert.equal(propertiesAt(buffer, at), properties)
        assert.deepEqual(bodyAt(buffer, at), Buffer.from(body))
      },
    ),
    { numRuns: 400 },
  )
})

const message: NewMessage = {
  topic: 'TopicTest',
  queueId: 3,
  flag: 7,
  sysFlag: 0,
  bornTimestamp: timestamp(1_700_000_000_000),
  bornHost: v4,
  storeHost: host('127.0.0.1', 10_911),
  reconsumeTimes: 2,
  preparedTransactionOffset: logPosition(0),
  body: Buffer.from('hello'),
  properties: 'TAGS\u0001TagA\u0002',
}
const placement = {
  position: logPosition(0x1_0000_0002),
  queueOffset: queueOffset(5),
  storeTimestamp: timestamp(1_700_000_000_001),
}

function encoded(change: Partial<NewMessage> = {}, hasCrcProperty = false): Buffer {
  const changed = { ...message, ...change }
  const buffer = Buffer.alloc(recordSize(changed, { hasCrcProperty }))
  encodeRecord(changed, buffer, 0, placement, { hasCrcProperty })
  return buffer
}

test('the layout is that of RocketMQ, byte for byte', () => {
  const expected = [
    '00000073', // size 115
    'daa320a7',
    (zlibCrc('hello') & 0x7fffffff).toString(16).padStart(8, '0'),
    '00000003',
    '00000007',
    '0000000000000005',
    '0000000100000002',
    '00000000',
    '0000018bcfe56800',
    '0a00000100009c41',
    '0000018bcfe56801',
    '7f00000100002a9f',
    '00000002',
    '0000000000000000',
    '00000005',
    Buffer.from('hello').toString('hex'),
    '09',
    Buffer.from('TopicTest').toString('hex'),
    '000a',
    Buffer.from('TAGS\u0001TagA\u0002').toString('hex'),
  ].join('')
  assert.equal(encoded().toString('hex'), expected)
})

test('a topic of more than 127 bytes takes the V2 magic and a two-byte length', () => {
  assert.equal(magicAt(encoded({ topic: 'x'.repeat(127) }), 0), MAGIC_V1)
  const long = encoded({ topic: 'x'.repeat(128) })
  assert.equal(magicAt(long, 0), MAGIC_V2)
  assert.equal(topicAt(long, 0), 'x'.repeat(128))
  assert.equal(long.length, encoded({ topic: 'x'.repeat(127) }).length + 2)
})

test('the CRC property covers all bytes before it and stands with its least significant digit first', () => {
  for (const properties of ['', 'a\u00011', 'a\u00011\u0002']) {
    const record = encoded({ properties }, true)
    const crc = zlibCrc(record.subarray(0, record.length - CRC_PROPERTY_BYTES))
    const digits = [...String(crc).padStart(10, '0')].reverse().join('')
    assert.equal(
      record.toString('latin1', record.length - CRC_PROPERTY_BYTES),
      `__CRC32#\u0001${digits}\u0002`,
    )
    const prefix = properties === '' ? '' : 'a\u00011\u0002'
    assert.equal(propertiesAt(record, 0), `${prefix}__CRC32#\u0001${digits}\u0002`)
  }
})

test('a flipped bit in size, magic, CRC, lengths or body is seen; anywhere at all with the CRC property', () => {
  for (const hasCrcProperty of [false, true]) {
    const record = encoded({}, hasCrcProperty)
    const covered = new Set([...range(0, 12), ...range(84, 88), ...range(88, 93)])
    for (let bit = 0; bit < record.length * 8; bit++) {
      const damaged = Buffer.from(record)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const check = verifyRecord(damaged, 0, damaged.length, { isCrcPropertyChecked: true })
      if (covered.has(bit >> 3)) assert.notEqual(check.kind, 'record', `bit ${bit}`)
      // A flip in the property's own name, or in the separator before it, leaves a record without one.
      if (hasCrcProperty && bit >> 3 < record.length - CRC_PROPERTY_BYTES - 1)
        assert.notEqual(check.kind, 'record', `bit ${bit}`)
    }
  }
})

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

test('every prefix of a record is incomplete, and says how much is needed', () => {
  const record = encoded()
  for (let end = 0; end < record.length; end++)
    assert.deepEqual(verifyRecord(record, 0, end), {
      kind: 'incomplete',
      neededBytes: end < 8 ? 8 : record.length,
    })
})

test('verifying is total: no bytes make it throw or read beyond their end', () => {
  const record = encoded({}, true)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(record.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }),
      fc.nat(record.length),
      (changes, end) => {
        const damaged = Buffer.from(record)
        for (const [at, value] of changes) damaged[at] = value
        const check = verifyRecord(damaged.subarray(0, end), 0, end, { isCrcPropertyChecked: true })
        if (check.kind === 'record') assert(check.sizeBytes <= end)
      },
    ),
    { numRuns: 3000 },
  )
  assert.equal(verifyRecord(Buffer.alloc(200), 0, 200).kind, 'bad')
  // The shortest record that says its hosts are long ones: they alone would reach beyond it.
  const shortest = encoded({ topic: '', body: Buffer.alloc(0), properties: '' })
  assert.equal(verifyRecord(shortest, 0, shortest.length).kind, 'record')
  shortest[39] = 0x30
  assert.deepEqual(verifyRecord(shortest, 0, shortest.length), {
    kind: 'bad',
    reason: 'hosts reach beyond the record',
  })
  assert.equal(verifyRecord(encoded(), 0, 115, { maxSizeBytes: 100 }).kind, 'bad')
})

test('the blank at the end of a file is told apart', () => {
  const buffer = Buffer.alloc(64)
  encodeBlank(buffer, 8, 56)
  assert.equal(buffer.toString('hex', 8, 16), '00000038cbd43194')
  assert.deepEqual(verifyRecord(buffer, 8, 64), { kind: 'blank', sizeBytes: 56 })
  encodeBlank(buffer, 8, 7)
  assert.equal(verifyRecord(buffer, 8, 64).kind, 'bad')
})

test('an answer of several records is taken apart; one that is no records is refused', () => {
  const body = Buffer.concat([
    encoded(),
    encoded({ topic: 'x'.repeat(200), bornHost: v6 }),
    encoded({}, true),
  ])
  assert.deepEqual(
    decodeRecords(body).map(({ topic }) => topic.length),
    [9, 200, 9],
  )
  assert.deepEqual(decodeRecords(Buffer.alloc(0)), [])
  assert.throws(() => decodeRecords(body.subarray(0, body.length - 1)), RangeError)
  assert.throws(() => decodeRecords(Buffer.alloc(100)), RangeError)
})

test('lengths that a record cannot hold are a bug of the caller, found before anything else is', () => {
  assert.throws(() => encoded({ properties: 'x'.repeat(32_768) }), AssertionError)
  assert.equal(propertiesAt(encoded({ properties: 'x'.repeat(32_767) }), 0).length, 32_767)
  assert.throws(() => encoded({ topic: 'x'.repeat(32_768) }), AssertionError)
})

test('64-bit integers keep every safe value', () => {
  const buffer = Buffer.alloc(8)
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      writeLong(buffer, value, 0)
      assert.equal(buffer.readBigInt64BE(0), BigInt(value))
      assert.equal(readLong(buffer, 0), value)
    }),
  )
})
