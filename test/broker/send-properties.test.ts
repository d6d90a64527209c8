import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readSendProperties } from '../../broker/send-properties.ts'
import { BROKER_OWNED, decodeProperties, encodeProperties } from '../../message/properties.ts'

const text = (...pairs: [string, string][]): string => encodeProperties(pairs)

test('plain properties are kept as they were sent', () => {
  const sent = text(['UNIQ_KEY', 'AB'], ['TAGS', 'T'], ['WAIT', 'true'], ['mine', 'x'])
  assert.deepEqual(readSendProperties(sent, false), {
    kept: sent,
    hasUniqueKey: true,
    delayLevel: 0,
    isWaiting: true,
    isTransaction: false,
    hasTimer: false,
  })
})

test('a missing last separator is added so that more can follow', () => {
  assert.equal(readSendProperties('a\u0001b', false).kept, 'a\u0001b\u0002')
})

test('M4: every copy of a broker-owned property is dropped, wherever it stands', () => {
  for (const name of BROKER_OWNED) {
    const sent = `${text([name, '1'], ['a', 'b'], [name, '2'])}c\u0001d\u0002${name}\u00013`
    assert.equal(readSendProperties(sent, false).kept, text(['a', 'b'], ['c', 'd']), name)
  }
})

test('M3: a value that forges further pairs gains nothing for broker-owned names', () => {
  const sent = text(['note', 'x\u0002REAL_TOPIC\u0001other\u0002CLUSTER\u0001evil'])
  assert.equal(readSendProperties(sent, false).kept, text(['note', 'x']))
})

test('what the broker decides by is the first copy', () => {
  const sent = text(['DELAY', '3'], ['DELAY', '9'], ['WAIT', 'false'], ['WAIT', 'true'])
  const read = readSendProperties(sent, false)
  assert.equal(read.delayLevel, 3)
  assert.equal(read.isWaiting, false)
})

test('transient properties are never stored', () => {
  assert.equal(readSendProperties(text(['__RMQ.TRANSIENT.x', '1'], ['a', 'b']), false).kept, text(['a', 'b']))
})

test('RETRY_TOPIC belongs to the client on a send to a retry topic only', () => {
  const sent = text(['RETRY_TOPIC', 'T'], ['a', 'b'])
  assert.equal(readSendProperties(sent, true).kept, sent)
  assert.equal(readSendProperties(sent, false).kept, text(['a', 'b']))
})

test('M17: delay levels are read as Java reads them', () => {
  const level = (value: string): number => readSendProperties(text(['DELAY', value]), false).delayLevel
  assert.equal(level('4'), 4)
  assert.equal(level('-1'), -1)
  assert.equal(level('+2'), 2)
  assert.equal(level('1000000000'), 1_000_000_000)
  assert(Number.isNaN(level('x')))
  assert(Number.isNaN(level('1.5')))
  assert(Number.isNaN(level(' 1')))
})

test('timers are seen, and ignored next to a delay level or when their time is over', () => {
  for (const name of ['TIMER_DELAY_SEC', 'TIMER_DELAY_MS', 'TIMER_DELIVER_MS']) {
    assert.equal(readSendProperties(text([name, '5']), false).hasTimer, true)
    const delayed = readSendProperties(text([name, '5'], ['DELAY', '1']), false)
    assert.equal(delayed.hasTimer, false)
    assert.equal(delayed.kept, text(['DELAY', '1']))
    const over = readSendProperties(text([name, '5'], ['TIMER_OUT_MS', '1'], ['a', 'b']), false)
    assert.equal(over.hasTimer, false)
    assert.equal(over.kept, text(['a', 'b']))
  }
})

test('TRAN_MSG makes a transaction in any case of true, and is not stored otherwise', () => {
  assert.equal(readSendProperties(text(['TRAN_MSG', 'TRUE']), false).isTransaction, true)
  const no = readSendProperties(text(['TRAN_MSG', 'false'], ['PGROUP', 'g']), false)
  assert.equal(no.isTransaction, false)
  assert.equal(no.kept, '')
})

test('no text makes it fail, and what is kept decodes to a part of what was sent', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '\u0001',
      '\u0002',
      'DELAY',
      'UNIQ_KEY',
      'REAL_TOPIC',
      'TAGS',
      'WAIT',
      '__RMQ.TRANSIENT.',
      '',
    ),
    fc.string({ maxLength: 5 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const sent = pieces.join('')
      const kept = decodeProperties(readSendProperties(sent, false).kept)
      for (const [name] of kept) {
        assert(sent.includes(name))
        assert(!BROKER_OWNED.has(name))
      }
    }),
  )
})
