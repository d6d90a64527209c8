import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  appendProperties,
  BROKER_OWNED,
  decodeProperties,
  encodeProperties,
  findProperty,
  withoutProperties,
  withProperty,
} from '../../message/properties.ts'

const cleanText = fc.string({
  minLength: 1,
  maxLength: 8,
  unit: fc.constantFrom('a', 'B', '1', ' ', '_', 'é', '日'),
})
const pairs = fc.uniqueArray(fc.tuple(cleanText, cleanText), { selector: ([name]) => name, maxLength: 6 })

test('what was encoded is decoded again', () => {
  fc.assert(
    fc.property(pairs, (properties) => {
      assert.deepEqual([...decodeProperties(encodeProperties(properties))], properties)
    }),
  )
})

test('the last separator may be missing', () => {
  assert.deepEqual(
    [...decodeProperties('a\u0001b\u0002c\u0001d')],
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  )
})

test("pairs without name, without value or without separator do not count, as in Java's reader", () => {
  const text = '\u0001x\u0002a\u0001\u0002junk\u0002b\u00012\u0002'
  assert.deepEqual([...decodeProperties(text)], [['b', '2']])
  assert.equal(findProperty(text, 'a'), undefined)
  assert.equal(findProperty(text, ''), undefined)
})

test('finding one property agrees with decoding all, whatever the text', () => {
  const anyText = fc.string({ maxLength: 30, unit: fc.constantFrom('\u0001', '\u0002', 'a', 'b', 'A') })
  fc.assert(
    fc.property(anyText, fc.constantFrom('a', 'b', 'ab', 'A'), (text, name) => {
      assert.equal(findProperty(text, name), decodeProperties(text).get(name))
    }),
    { numRuns: 2000 },
  )
})

test('of a name that the broker owns the first copy counts, of others the last', () => {
  const forged = encodeProperties([
    ['REAL_TOPIC', 'honest'],
    ['TAGS', 'first'],
    ['x', 'y\u0002REAL_TOPIC\u0001forged\u0002TAGS\u0001second'],
  ])
  for (const [name, value] of [
    ['REAL_TOPIC', 'honest'],
    ['TAGS', 'second'],
  ] as const) {
    assert.equal(findProperty(forged, name), value)
    assert.equal(decodeProperties(forged).get(name), value)
  }
})

test('dropping names takes every copy and leaves the rest as it was', () => {
  const text = encodeProperties([
    ['a', '1'],
    ['POP_CK', 'x'],
    ['b', '2'],
    ['POP_CK', 'y'],
  ])
  assert.equal(
    withoutProperties(text, (name) => BROKER_OWNED.has(name)),
    'a\u00011\u0002b\u00012\u0002',
  )
  const clean = encodeProperties([['a', '1']])
  assert.equal(
    withoutProperties(clean, (name) => BROKER_OWNED.has(name)),
    clean,
  )
})

test('appending puts a separator where there is none', () => {
  assert.equal(appendProperties('a\u00011', 'b\u00012\u0002'), 'a\u00011\u0002b\u00012\u0002')
  assert.equal(appendProperties('a\u00011\u0002', 'b\u00012\u0002'), 'a\u00011\u0002b\u00012\u0002')
  assert.equal(appendProperties('', 'b\u00012\u0002'), 'b\u00012\u0002')
})

test('setting a property leaves exactly one copy of it', () => {
  fc.assert(
    fc.property(pairs, cleanText, cleanText, (properties, name, value) => {
      const text = withProperty(encodeProperties([...properties, [name, 'old']]), name, value)
      assert.equal(findProperty(text, name), value)
      assert.equal(text.split('\u0002').filter((pair) => pair.startsWith(`${name}\u0001`)).length, 1)
      const others = properties.filter(([other]) => other !== name)
      for (const [other, kept] of others) assert.equal(findProperty(text, other), kept)
    }),
  )
})
