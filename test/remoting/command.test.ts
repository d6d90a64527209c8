import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  binaryHeader,
  decodeCommand,
  encodeFrame,
  FLAG_RESPONSE,
  HEADER_BINARY,
  HEADER_JSON,
} from '../../remoting/command.ts'
import { FrameError } from '../../remoting/errors.ts'
import { head } from '../support/wire.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const anyText = fc.string({ unit: 'grapheme', maxLength: 12 })
const anyExt = fc.dictionary(anyText, anyText, { maxKeys: 8, noNullPrototype: true })

test('a command survives both header forms', () => {
  fc.assert(
    fc.property(
      fc.record(
        {
          code: fc.integer({ min: 0, max: 3000 }),
          language: fc.nat(13),
          version: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
          opaque: int32,
          flag: fc.constantFrom(0, 1, 2, 3),
          remark: fc.option(fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }), { nil: undefined }),
        },
        { noNullPrototype: true },
      ),
      anyExt,
      fc.uint8Array({ maxLength: 30 }),
      fc.constantFrom(HEADER_JSON, HEADER_BINARY),
      (fields, ext, body, form) => {
        const command = decodeCommand(encodeFrame(fields, ext, body, form))
        const { ext: read, body: readBody, headerForm, ...rest } = command
        assert.deepEqual(rest, fields)
        assert.equal(headerForm, form)
        assert.deepEqual({ ...read }, { ...ext })
        assert.deepEqual(new Uint8Array(readBody), body)
        assert.equal(read === undefined ? null : Object.getPrototypeOf(read), null)
      },
    ),
    { numRuns: 300 },
  )
})

const frameWith = (header: string | Buffer, body = '', form: number = HEADER_JSON): Buffer => {
  const bytes = Buffer.from(header)
  const frame = Buffer.alloc(8 + bytes.length + body.length)
  frame.writeInt32BE(4 + bytes.length + body.length)
  frame.writeInt32BE((form << 24) | bytes.length, 4)
  frame.set(bytes, 8)
  frame.write(body, 8 + bytes.length)
  return frame
}

const refuses = (frame: Buffer, text: RegExp): void =>
  void assert.throws(
    () => decodeCommand(frame),
    (error) => error instanceof FrameError && text.test(error.message),
    String(text),
  )

test('a header as Java writes it is read', () => {
  const command = decodeCommand(
    frameWith(
      '{"code":105,"extFields":{"topic":"TBW102"},"flag":0,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":453}',
      'body',
    ),
  )
  assert.equal(command.code, 105)
  assert.deepEqual({ ...command.ext }, { topic: 'TBW102' })
  assert.equal(command.version, 453)
  assert.equal(command.body.toString(), 'body')
})

test('values of extFields that are no strings are converted as fastjson does: C++ sends numbers', () => {
  const command = decodeCommand(
    frameWith(
      `{"code":310,"language":"CPP","extFields":{"e":3,"k":false,"x":null,"o":{"b":[1]},"t":"s","d":1.5},"opaque":"9","flag":0,"version":333}`,
    ),
  )
  assert.deepEqual({ ...command.ext }, { e: '3', k: 'false', o: '{"b":[1]}', t: 's', d: '1.5' })
  assert.equal(command.opaque, 9)
})

test('headers that only fastjson would write are read, too', () => {
  const command = decodeCommand(frameWith(`{code:11,'flag':2,extFields:{0:'a',}}`))
  assert.equal(command.code, 11)
  assert.equal(command.flag, 2)
  assert.deepEqual({ ...command.ext }, { 0: 'a' })
})

test('a header length beyond the frame, of zero or beyond 64 KiB is refused (F4, F5)', () => {
  const frame = frameWith('{"code":1}')
  for (const delta of [1, 2, 1000]) {
    const longer = Buffer.from(frame)
    longer.writeInt32BE(10 + delta, 4)
    refuses(longer, /^header of \d+ bytes in a frame with 10 left/)
  }
  const shorter = Buffer.from(frame)
  shorter.writeInt32BE(9, 4)
  refuses(shorter, /not JSON/)
  refuses(frameWith('', 'all body'), /without a header/)
  refuses(frameWith(`{"code":1,"remark":"${'x'.repeat(65_536)}"}`), /at most 65536/)
  refuses(frame.subarray(0, 7), /no header/)
})

test('every header form but 0 and 1 is refused (F6)', () => {
  for (let form = 2; form < 256; form++) refuses(frameWith('{"code":1}', '', form), /header form \d+/)
})

test('JSON headers that are no objects, or whose numbers are no 32-bit integers, are refused (F7)', () => {
  for (const header of ['', 'x', '[]', '1', 'null', '"{}"', '{', '{"code":', '\u0000\u0001'])
    refuses(frameWith(header === '' ? ' ' : header), /header is not/)
  for (const value of [
    '1e999',
    '-1e999',
    '1.5',
    '4294967296',
    '"x"',
    '""',
    '[]',
    '{}',
    'true',
    '99999999999999999999',
  ])
    for (const name of ['code', 'version', 'opaque', 'flag'])
      refuses(frameWith(`{"${name}":${value}}`), new RegExp(`header ${name} is not a 32-bit integer`))
})

test('a bomb of nesting is refused, wherever it stands (F7)', () => {
  const bomb = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`
  for (const levels of [4, 100, 20_000])
    for (const header of [
      `{"code":1,"x":${bomb(levels)}}`,
      `{"code":1,"extFields":{"a":${bomb(levels)}}}`,
      `{"code":1,"extFields":${bomb(levels)}}`,
      `{"code":${bomb(levels)}}`,
      `{code:1,x:${bomb(levels)}}`,
      `{code:1,x:${'{'.repeat(levels)}a:1${'}:1'.repeat(levels - 1)}}}`,
    ])
      assert.throws(() => decodeCommand(frameWith(header)), FrameError)
  assert.equal(decodeCommand(frameWith(`{"code":1,"x":${bomb(3)}}`)).code, 1)
  assert.equal(decodeCommand(frameWith(`{"code":1,"extFields":{"a":${bomb(2)}}}`)).ext?.a, '[[]]')
})

test('of duplicate keys the last wins, and __proto__ is a key like any other (F7)', () => {
  assert.equal(decodeCommand(frameWith('{"code":1,"code":2}')).code, 2)
  for (const header of [
    '{"code":5,"__proto__":{"code":9,"polluted":"1"},"extFields":{"__proto__":"x","constructor":"y","a":"b"}}',
    `{code:5,"__proto__":{"code":9,"polluted":"1"},"extFields":{"__proto__":"x","constructor":"y","a":"b"}}`,
  ]) {
    const command = decodeCommand(frameWith(header))
    assert.equal(command.code, 5)
    assert(command.ext)
    assert.deepEqual(Object.keys(command.ext), ['__proto__', 'constructor', 'a'])
    assert.equal(Object.getPrototypeOf(command.ext), null)
    assert.equal(command.ext.toString, undefined)
    assert.equal(({} as { polluted?: string }).polluted, undefined)
  }
})

test('bytes that are no UTF-8 become replacement characters and hurt nobody (F7)', () => {
  const header = Buffer.from('{"code":1,"remark":"??","extFields":{"a":"?"}}')
  header.set([0xff, 0xfe], header.indexOf('??'))
  header[header.lastIndexOf('?')] = 0x80
  const command = decodeCommand(frameWith(header))
  assert.equal(command.remark, '\ufffd\ufffd')
  assert.equal(command.ext?.a, '\ufffd')
})

test('more than 1024 extFields are refused in both forms (F9)', () => {
  const ext = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']))
  for (const form of [HEADER_JSON, HEADER_BINARY] as const) {
    assert.equal(
      Object.keys(decodeCommand(encodeFrame(head({}), ext(1024), undefined, form)).ext ?? {}).length,
      1024,
    )
    refuses(encodeFrame(head({}), ext(1025), undefined, form), /1024/)
  }
})

test('lengths within a binary header that are negative or lead beyond it are refused (F8)', () => {
  const header = binaryHeader(head({ remark: 'abc' }), { key: 'value', k2: '' })
  const good = frameWith(header, 'body', HEADER_BINARY)
  assert.deepEqual({ ...decodeCommand(good).ext }, { key: 'value', k2: '' })
  const [remark, ext, key] = [8 + 13, 8 + 17 + 3, 8 + 17 + 3 + 4]
  const value = key + 2 + 3
  const changed = (at: number, bytes: number, length: number): Buffer => {
    const frame = Buffer.from(good)
    frame.writeIntBE(length, at, bytes)
    return frame
  }
  for (const length of [-1, -(2 ** 31), 2 ** 31 - 1, 1000]) {
    refuses(changed(remark, 4, length), /remark of/)
    refuses(changed(ext, 4, length), /extFields of/)
    refuses(changed(value, 4, length), /extFields value of/)
  }
  for (const length of [-1, -(2 ** 15), 2 ** 15 - 1]) refuses(changed(key, 2, length), /extFields key of/)
  refuses(changed(ext, 4, 1), /within a key/)
  refuses(frameWith(header.subarray(0, 20), '', HEADER_BINARY), /at least 21/)
})

test('POP codes of binary requests are widened, answers keep their code', () => {
  const decode = (code: number, flag: number): number =>
    decodeCommand(encodeFrame(head({ code, flag }), {}, undefined, HEADER_BINARY)).code
  assert.equal(decode(200_050, 0), 200_050)
  assert.equal(decode(3442, 0), 200_050)
  assert.equal(decode(3442, FLAG_RESPONSE), 3442)
  assert.equal(decode(310, 0), 310)
})

test('odd versions and languages are tolerated (M28)', () => {
  for (const form of [HEADER_JSON, HEADER_BINARY] as const) {
    const command = decodeCommand(encodeFrame(head({ language: 99, version: -1 }), {}, undefined, form))
    assert.equal(command.language, 7)
    assert.equal(command.version, -1)
  }
  assert.equal(decodeCommand(frameWith('{"code":1,"version":1000000000,"language":{"a":1}}')).version, 1e9)
})
