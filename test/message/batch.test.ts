import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchError, decodeBatch, encodeBatch, type InnerMessage } from '../../message/batch.ts'

const limits = { bodyMaxBytes: 4 * 1024 * 1024 }
const inner = fc.record({
  flag: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  body: fc.uint8Array({ maxLength: 50 }),
  properties: fc.string({ maxLength: 20 }),
})

test('a batch is read as it was written', () => {
  fc.assert(
    fc.property(fc.array(inner, { minLength: 1, maxLength: 20 }), (messages) => {
      assert.deepEqual(
        decodeBatch(encodeBatch(messages), limits).map(({ body, ...rest }) => ({
          ...rest,
          body: new Uint8Array(body),
        })),
        messages.map((message) => ({ ...message, properties: Buffer.from(message.properties).toString() })),
      )
    }),
  )
})

test('the layout is that of MessageDecoder.encodeMessage', () => {
  const batch = encodeBatch([{ flag: 7, body: Buffer.from('ab'), properties: 'k\u0001v\u0002' }])
  assert.equal(batch.toString('hex'), '0000001c000000000000000000000007000000026162' + '00046b017602')
})

const messages: InnerMessage[] = [
  { flag: 0, body: Buffer.from('one'), properties: 'a\u00011\u0002' },
  { flag: 0, body: Buffer.from('two'), properties: '' },
]

test('a batch with inconsistent lengths is refused as a whole, with the place and what is allowed (M15)', () => {
  const good = encodeBatch(messages)
  const second = 22 + 3 + 4
  const broken = (change: (batch: Buffer) => void): Buffer => {
    const batch = Buffer.from(good)
    change(batch)
    return batch
  }
  const cases: [RegExp, Buffer][] = [
    [/without messages/, Buffer.alloc(0)],
    [/message 0 of the batch: 21 bytes left/, good.subarray(0, 21)],
    [/message 1 of the batch: size 25, allowed are 22 to 24/, good.subarray(0, good.length - 1)],
    [/message 1 .*size -1,/, broken((batch) => batch.writeInt32BE(-1, second))],
    [/message 1 .*size 21,/, broken((batch) => batch.writeInt32BE(21, second))],
    [/message 1 .*size 2147483647,/, broken((batch) => batch.writeInt32BE(0x7fffffff, second))],
    [/message 1 .*body of -5 bytes/, broken((batch) => batch.writeInt32BE(-5, second + 16))],
    [/message 1 .*body of 4 bytes/, broken((batch) => batch.writeInt32BE(4, second + 16))],
    [/message 0 .*properties of 3 bytes do not end it/, broken((batch) => batch.writeInt16BE(3, 23))],
    [/message 0 .*properties of -1 bytes/, broken((batch) => batch.writeInt16BE(-1, 23))],
  ]
  for (const [text, batch] of cases)
    assert.throws(
      () => decodeBatch(batch, limits),
      (error) => error instanceof BatchError && text.test(error.message),
      String(text),
    )
})

test('the number of messages and the size of each body are bounded', () => {
  const many = encodeBatch(
    Array.from({ length: 1025 }, () => ({ flag: 0, body: Buffer.alloc(0), properties: '' })),
  )
  assert.throws(() => decodeBatch(many, limits), /more than 1024 messages/)
  assert.equal(decodeBatch(many.subarray(0, 1024 * 22), limits).length, 1024)
  assert.throws(() => decodeBatch(encodeBatch(messages), { bodyMaxBytes: 2 }), /body of 3 bytes, at most 2/)
  assert.throws(
    () => encodeBatch([{ flag: 0, body: Buffer.alloc(0), properties: 'x'.repeat(32_768) }]),
    BatchError,
  )
})

test('any change of bytes gives a batch or a BatchError', () => {
  const good = encodeBatch(messages)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(good.length),
      (changes, length) => {
        const batch = Buffer.from(good.subarray(0, length))
        for (const [at, value] of changes) if (at < length) batch[at] = value
        try {
          decodeBatch(batch, limits)
        } catch (error) {
          assert(error instanceof BatchError)
        }
      },
    ),
    { numRuns: 2000 },
  )
})
