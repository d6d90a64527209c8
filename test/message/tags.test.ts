import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysOf, tagsCode, tagsCodeOf } from '../../message/tags.ts'

test("the tags code is Java's hash of the tag, 0 without one", () => {
  assert.equal(tagsCode('TagA'), 2_598_919)
  assert.equal(tagsCode(undefined), 0)
  assert.equal(tagsCodeOf('KEYS\u0001k\u0002TAGS\u0001TagA\u0002'), 2_598_919)
  assert.equal(tagsCodeOf('KEYS\u0001TAGS\u0002'), 0)
})

test('keys are split at spaces', () => {
  assert.deepEqual(keysOf(' a  b c '), ['a', 'b', 'c'])
  assert.deepEqual(keysOf(undefined), [])
})
