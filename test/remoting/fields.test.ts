import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RequestError } from '../../remoting/errors.ts'
import {
  bool,
  boundary,
  codecOf,
  type Field,
  type FieldTable,
  int,
  long,
  optional,
  orElse,
  readHeader,
  string,
  writeHeader,
} from '../../remoting/fields.ts'
import { requestList } from '../../remoting/request-list.ts'

const refuses = (run: () => unknown, text: RegExp): void =>
  void assert.throws(
    run,
    (error) => error instanceof RequestError && error.code === 29 && text.test(error.remark),
  )

test('integers are decimal digits with an optional minus, as Java reads them', () => {
  const table = { n: long() }
  for (const value of [0, 1, -1, 42, 2 ** 31, -(2 ** 31), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
    assert.equal(readHeader(table, { n: String(value) }).n, value)
  assert.equal(Object.is(readHeader(table, { n: '-0' }).n, 0), true)
  assert.equal(readHeader(table, { n: '000000000000000000007' }).n, 7)
  for (const text of [
    '',
    ' ',
    '-',
    '+1',
    '1 ',
    ' 1',
    '1.0',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    '9007199254740992',
    '9'.repeat(400),
    '१',
  ])
    refuses(() => readHeader(table, { n: text }), /^header field n: ".*" is not an integer between/)
})

test('an int is bounded by 32 bits', () => {
  assert.deepEqual({ ...readHeader({ n: int() }, { n: '-2147483648' }) }, { n: -(2 ** 31) })
  for (const text of ['2147483648', '-2147483649'])
    refuses(() => readHeader({ n: int() }, { n: text }), /32-bit/)
})

test('booleans and boundaries are as lenient as Java', () => {
  const table = { b: bool(), u: boundary() }
  assert.deepEqual(readHeader(table, { b: 'TRUE', u: 'upper' }), { b: true, u: 'UPPER' })
  assert.deepEqual(readHeader(table, { b: 'yes', u: 'x' }), { b: false, u: 'LOWER' })
})

test('an absent field is refused by name, unless it is optional or has a default', () => {
  const table = { topic: string('b'), group: optional(string()), count: orElse(int(), 4) }
  assert.deepEqual(readHeader(table, { b: 'T' }), { topic: 'T', group: undefined, count: 4 })
  refuses(() => readHeader(table, {}), /^header field topic \(b\) is missing$/)
  refuses(() => readHeader(table, undefined), /^header field topic \(b\) is missing$/)
  refuses(() => readHeader(table, { b: 'T', count: 'many' }), /^header field count: "many"/)
})

test('undefined values are left out when a header is written', () => {
  const table = { topic: string('b'), group: optional(string()), isOrder: bool() }
  const header = { topic: 'a"\u0001b', group: undefined, isOrder: false }
  assert.deepEqual({ ...writeHeader(table, header) }, { b: 'a"\u0001b', isOrder: 'false' })
  assert.equal(codecOf(table).toJson(header), '"b":"a\\"\\u0001b","isOrder":"false"')
  assert.equal(codecOf(table).toJson({}), '')
})

/** A value that a field can carry, found by trying. */
function sample(field: Field<unknown>, name: string): fc.Arbitrary<unknown> {
  for (const text of ['true', '7', 'x']) {
    try {
      const value = field.decode(text, name)
      if (typeof value === 'boolean') return fc.boolean()
      if (typeof value === 'number') return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
      if (value === 'LOWER') return fc.constantFrom('LOWER', 'UPPER')
      return fc.string({ maxLength: 10 })
    } catch {
      // The next text, then.
    }
  }
  throw new Error(`field ${name} takes nothing`)
}

const recordOf = (table: FieldTable): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries(Object.entries(table).map(([name, field]) => [name, sample(field, name)])), {
    noNullPrototype: true,
  })

test('the header and the reply of every request survive both ways of writing', () => {
  for (const kind of requestList) {
    for (const table of [kind.header, kind.reply]) {
      fc.assert(
        fc.property(recordOf(table), (header) => {
          const ext = writeHeader(table, header as never)
          assert.deepEqual(readHeader(table, ext), header)
          assert.deepEqual(codecOf(table).readPartial(ext), header)
          assert.deepEqual(JSON.parse(`{${codecOf(table).toJson(header as never)}}`), { ...ext })
        }),
        { numRuns: 10 },
      )
    }
  }
})

test('each field of each request that is missing, of the wrong type or out of range is refused with its name (F16)', () => {
  let checked = 0
  for (const kind of requestList) {
    const valid: Record<string, string> = {}
    for (const [name, field] of Object.entries(kind.header)) valid[field.wireName ?? name] = '1'
    readHeader(kind.header, valid)
    for (const [name, field] of Object.entries(kind.header)) {
      const wireName = field.wireName ?? name
      const named = new RegExp(`header field ${name}\\b`)
      const { [wireName]: _, ...lacking } = valid
      if (field.isOptional) readHeader(kind.header, lacking)
      else refuses(() => readHeader(kind.header, lacking), named)
      if (field.isFreeText || typeof field.decode('1', name) !== 'number') continue
      checked += 1
      refuses(() => readHeader(kind.header, { ...valid, [wireName]: 'abc' }), named)
      refuses(() => readHeader(kind.header, { ...valid, [wireName]: '' }), named)
    }
  }
  assert(checked > 60, `only ${checked} numeric fields`)
})
