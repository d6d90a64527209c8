import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  canonicalJson,
  LenientJsonError,
  objectKeyEntries,
  parseLenientJson,
} from '../../base/lenient-json.ts'

test('standard JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => assert.deepEqual(parseLenientJson(text), JSON.parse(text))),
    { numRuns: 200 },
  )
})

test('the hand-written parser agrees with JSON.parse on standard JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      // A trailing word makes JSON.parse refuse, so the text goes through the other parser.
      const text = `${JSON.stringify(value)} ;`
      assert.deepEqual(JSON.parse(JSON.stringify(parseLenientJson(text))), JSON.parse(JSON.stringify(value)))
    }),
    { numRuns: 300 },
  )
})

test('bare numeric keys, bare words, single quotes and trailing commas are read', () => {
  assert.deepEqual(parseLenientJson('{"offsetTable":{"T@G":{0:12,1:9}}}'), {
    offsetTable: { 'T@G': { 0: 12, 1: 9 } },
  })
  assert.deepEqual(parseLenientJson(`{name:'x"y',"list":[1,2,],}`), { name: 'x"y', list: [1, 2] })
  assert.deepEqual(parseLenientJson(String.raw`{'t':'\u0001\x41\'\n\/'}`), { t: "\u0001A'\n/" })
})

test('trailing data is ignored', () => {
  assert.deepEqual(parseLenientJson('{"a":1}\u0000\u0000'), { a: 1 })
  assert.deepEqual(parseLenientJson('{"a":1}{"b":2}'), { a: 1 })
})

test('object keys become canonical JSON and can be read as entries', () => {
  const text =
    '{"offsetTable":{{"topic":"t","queueId":0,"brokerName":"b"}:5,{"brokerName":"b","queueId":1,"topic":"t"}:7L}}'
  const { offsetTable } = parseLenientJson(text) as { offsetTable: object }
  assert.deepEqual(Object.keys(offsetTable), [
    '{"brokerName":"b","queueId":0,"topic":"t"}',
    '{"brokerName":"b","queueId":1,"topic":"t"}',
  ])
  assert.deepEqual(objectKeyEntries(offsetTable), [
    [{ brokerName: 'b', queueId: 0, topic: 't' }, 5],
    [{ brokerName: 'b', queueId: 1, topic: 't' }, 7],
  ])
})

test('canonical JSON does not depend on the order of keys', () => {
  assert.equal(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined }), '{"b":[1,{"c":"x","d":null}]}')
  assert.equal(canonicalJson({ y: 1, x: 2 }), canonicalJson({ x: 2, y: 1 }))
})

test('what is no JSON at all is a LenientJsonError, whatever it is', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '{"a"',
    '{"a":',
    '{"a" 1}',
    '[1',
    '"abc',
    "'",
    '{a:b}',
    '{"a":"\\u00g0"}',
    '}',
    '{]',
  ])
    assert.throws(() => parseLenientJson(text), LenientJsonError, text)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      try {
        parseLenientJson(text)
      } catch (error) {
        assert(error instanceof LenientJsonError)
      }
    }),
    { numRuns: 500 },
  )
})

test('deep nesting is refused before it can exhaust the stack', () => {
  // Standard JSON goes through JSON.parse, which does not recurse; the bare key sends this one through ours.
  assert.throws(() => parseLenientJson(`{a:${'['.repeat(100_000)}`), /nesting deeper than 64/)
})

test('objects as keys of keys are refused: their text would double with each of them', () => {
  const nested = (levels: number): string => `${'{'.repeat(levels)}a:1${'}:1'.repeat(levels - 1)}}`
  assert.deepEqual(parseLenientJson(nested(2)), { '{"a":1}': 1 })
  for (const levels of [3, 20, 40])
    assert.throws(() => parseLenientJson(nested(levels)), /an object as a key within a key/)
  assert.deepEqual(parseLenientJson('{{a:{b:1}}:{{c:1}:2}}'), { '{"a":{"b":1}}': { '{"c":1}': 2 } })
})

test('__proto__ is a key like any other', () => {
  for (const text of ['{"__proto__":{"polluted":1}}', '{__proto__:{"polluted":1}}']) {
    const parsed = parseLenientJson(text) as Record<string, unknown>
    assert.deepEqual(Object.keys(parsed), ['__proto__'])
    assert.equal((parsed as { polluted?: number }).polluted, undefined)
    assert.equal(Object.getPrototypeOf(parsed), Object.prototype)
  }
})
