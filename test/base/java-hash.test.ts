import assert from 'node:assert/strict'
import { test } from 'node:test'
import { javaHash } from '../../base/java-hash.ts'

test("hash codes are Java's", () => {
  // Values of String.hashCode() as OpenJDK 17 prints them.
  assert.equal(javaHash(''), 0)
  assert.equal(javaHash('TagA'), 2_598_919)
  assert.equal(javaHash('polygenelubricants'), -2_147_483_648)
  assert.equal(javaHash('日本😀'), javaHash('日') * 31 ** 3 + 0x672c * 31 ** 2 + 0xd83d * 31 + 0xde00)
})
