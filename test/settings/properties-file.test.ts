import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  changeProperties,
  formatProperty,
  PropertiesError,
  parseProperties,
} from '../../settings/properties-file.ts'

const pairs = (text: string): [string, string][] =>
  parseProperties(text).map(({ key, value }) => [key, value])

/** What java.util.Properties.load makes of each text. */
const grammar: readonly (readonly [what: string, text: string, expected: readonly [string, string][]])[] = [
  ['an equals sign', 'a=b', [['a', 'b']]],
  ['a colon', 'a:b', [['a', 'b']]],
  ['a blank', 'a b', [['a', 'b']]],
  ['a tab and a form feed', 'a\t\fb', [['a', 'b']]],
  ['blanks around the separator', '  a  =  b', [['a', 'b']]],
  ['a second separator, which belongs to the value', 'a = = b', [['a', '= b']]],
  [
    'an address, whose colon belongs to the value',
    'namesrvAddr=1.2.3.4:9876',
    [['namesrvAddr', '1.2.3.4:9876']],
  ],
  ['blanks after the value, which belong to it', 'a=b  ', [['a', 'b  ']]],
  ['a key alone', 'a', [['a', '']]],
  ['a key with a separator alone', 'a=', [['a', '']]],
  ['no key', '=b', [['', 'b']]],
  ['comments and blank lines', '# x=1\n! y=2\n\n   \n  # z\na=b', [['a', 'b']]],
  ['a sharp inside a value', 'a=b # c', [['a', 'b # c']]],
  [
    'all kinds of line ends',
    'a=1\r\nb=2\rc=3\n',
    [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ],
  ],
  ['a continued line', 'a=b,\\\n    c', [['a', 'b,c']]],
  ['a continued line that looks like a comment', 'a=b\\\n#c', [['a', 'b#c']]],
  [
    'a continued line with Windows line ends',
    'a=b\\\r\n c\r\nd=e',
    [
      ['a', 'bc'],
      ['d', 'e'],
    ],
  ],
  [
    'a continued line that is empty',
    'a=b\\\n\nc=d',
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  ],
  [
    'two backslashes at the end, which do not continue',
    'a=b\\\\\nc=d',
    [
      ['a', 'b\\'],
      ['c', 'd'],
    ],
  ],
  ['three backslashes at the end, which do', 'a=b\\\\\\\nc', [['a', 'b\\c']]],
  ['a backslash at the end of the text', 'a=b\\', [['a', 'b']]],
  ['a comment that ends in a backslash, which does not continue', '# x\\\na=b', [['a', 'b']]],
  ['a continued key', 'ab\\\n  c=d', [['abc', 'd']]],
  ['escapes', 'a=\\t\\n\\r\\f\\\\\\q\\=', [['a', '\t\n\r\f\\q=']]],
  ['escaped separators in a key', 'a\\=b\\:c\\ d=e', [['a=b:c d', 'e']]],
  ['unicode escapes', 'a=\\u4e2d\\u6587\\u0041', [['a', '中文A']]],
  ['unicode as it is', 'a=中文', [['a', '中文']]],
  ['a byte order mark', '\uFEFFa=b', [['a', 'b']]],
  ['a lone backslash', '\\\n\na=b', [['a', 'b']]],
  ['nothing', '', []],
]

for (const [what, text, expected] of grammar)
  test(`a properties file with ${what} is read as Java reads it`, () => {
    assert.deepEqual(pairs(text), expected)
  })

test('each entry knows its lines', () => {
  assert.deepEqual(
    parseProperties('# one\na=b,\\\n  c\n\nd=e').map(({ key, line, lastLine }) => [key, line, lastLine]),
    [
      ['a', 2, 3],
      ['d', 5, 5],
    ],
  )
})

for (const text of ['a=\\u12', 'a=\\u12g4', 'x=1\na=\\u'])
  test(`a broken unicode escape is an error with its line: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseProperties(text),
      (error) => error instanceof PropertiesError && error.line === text.split('\n').length,
    )
  })

test('what is formatted is read back, whatever it is', () => {
  const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(word, fc.string({ unit: 'binary', maxLength: 20 }), (key, value) => {
      assert.deepEqual(pairs(formatProperty(key, value)), [[key, value]])
    }),
  )
})

test('reading never fails in another way than with a PropertiesError', () => {
  const noise = fc.string({ unit: fc.constantFrom(...'\\u#!=: \t\r\nab0'), maxLength: 40 })
  fc.assert(
    fc.property(noise, (text) => {
      try {
        parseProperties(text)
      } catch (error) {
        assert(error instanceof PropertiesError)
      }
    }),
  )
})

test('a changed key keeps the comments, the order and the other keys', () => {
  const text = '# my broker\nbrokerName = a\n\n# retention\nfileReservedTime=48\nlistenPort=10911\n'
  assert.equal(
    changeProperties(text, new Map([['fileReservedTime', '24']])),
    '# my broker\nbrokerName = a\n\n# retention\nfileReservedTime=24\nlistenPort=10911\n',
  )
})

test('a changed key replaces all its lines, and of two the one that counts', () => {
  assert.equal(changeProperties('a=1,\\\n  2\nb=3', new Map([['a', '4']])), 'a=4\nb=3\n')
  assert.equal(changeProperties('a=1\nb=2\na=3\n', new Map([['a', '4']])), 'a=1\nb=2\na=4\n')
})

test('a new key goes to the end', () => {
  assert.equal(changeProperties('a=1', new Map([['b', '2']])), 'a=1\nb=2\n')
  assert.equal(changeProperties('', new Map([['b', '2']])), 'b=2\n')
})

test('after a change the file says what was asked for and nothing else changed', () => {
  const entries = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.string({ maxLength: 8 })), {
    maxLength: 8,
  })
  const changes = fc.dictionary(fc.constantFrom('a', 'c', 'x'), fc.string({ maxLength: 8 }))
  fc.assert(
    fc.property(entries, changes, (before, changed) => {
      const text = before.map(([key, value]) => formatProperty(key, value)).join('\n')
      const after = new Map(pairs(changeProperties(text, new Map(Object.entries(changed)))))
      assert.deepEqual(Object.fromEntries(after), { ...Object.fromEntries(before), ...changed })
    }),
  )
})
