import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { javaHash } from '../../base/java-hash.ts'
import { compileExpression, compileTags, filterOf } from '../../broker/filter.ts'

test('no expression, an empty one and * let everything through', () => {
  assert.equal(compileTags(undefined), undefined)
  assert.equal(compileTags(''), undefined)
  assert.equal(compileTags('*'), undefined)
})

test('a tag matches by its Java hash, also as a sign-extended 64-bit code', () => {
  const filter = compileTags('TagA')
  assert(filter)
  assert.equal(filter(javaHash('TagA')), true)
  assert.equal(filter(javaHash('TagB')), false)
  assert.equal(filter(0), false, 'a message without a tag')
  const negative = compileTags('zzzzzz')
  assert(javaHash('zzzzzz') < 0, 'the example has a negative hash')
  assert.equal(negative?.(javaHash('zzzzzz')), true)
})

test('alternatives are trimmed and empty ones do not count', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-zA-Z0-9_]{1,12}$/), { minLength: 1, maxLength: 20 }),
      (tags) => {
        const filter = compileTags(`  ${tags.join(' ||  ')} || `)
        assert(filter)
        for (const tag of tags) assert.equal(filter(javaHash(tag)), true)
      },
    ),
  )
})

test('codes that a client sent are believed', () => {
  const filter = compileTags('A || B', [1, 2])
  assert.equal(filter?.(2), true)
  assert.equal(filter?.(javaHash('A')), false)
})

test('an expression of nothing and one beyond the limit are refused with 23', () => {
  assert.throws(() => compileTags('||'), { code: 23 })
  assert.throws(() => compileTags('x'.repeat(5000)), { code: 23, remark: /5000.*4096/ })
})

test('SQL92 is refused with 1 in the words that clients know', () => {
  assert.throws(() => compileExpression({ expressionType: 'SQL92', subString: 'a > 1' }), {
    code: 1,
    remark: 'The broker does not support consumer to filter message by SQL92',
  })
  assert.equal(compileExpression({ expressionType: '', subString: '*' }), undefined)
})

test('a registered subscription is compiled once', () => {
  const subscription = { expressionType: 'TAG', subString: 'A' }
  assert.equal(filterOf(subscription), filterOf(subscription))
})
