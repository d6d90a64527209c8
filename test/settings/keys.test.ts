import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { brokerKeySet } from '../../settings/broker.ts'
import type { KeySet } from '../../settings/keys.ts'
import { nameserverKeySet } from '../../settings/nameserver.ts'
import { nearest } from '../../settings/nearest.ts'
import { allowedText, parseValue } from '../../settings/value.ts'

const root = join(import.meta.dirname, '..', '..')
const keySets: readonly (readonly [name: string, keySet: KeySet])[] = [
  ['broker', brokerKeySet],
  ['nameserver', nameserverKeySet],
]

/** The code of these rooms; settings/ itself is not among them. */
function codeOf(rooms: readonly string[]): string {
  let code = ''
  for (const room of rooms)
    for (const name of readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.ts')) code += readFileSync(join(root, room, name), 'utf8')
  return code
}

for (const [name, keySet] of keySets) {
  test(`every key of the ${name} has a meaning and a default that it allows itself`, () => {
    for (const [key, spec] of Object.entries(keySet.keys)) {
      assert(spec.meaning.length > 5, key)
      assert(allowedText(spec).length > 3, key)
      if (spec.derive !== undefined) continue
      const parsed = parseValue(spec, String(spec.default))
      assert.equal(parsed.problem, undefined, key)
      assert.equal(parsed.value, spec.default, key)
    }
  })

  test(`no key of the ${name} is both honoured and without effect, and no spelling means two keys`, () => {
    const spellings = Object.entries(keySet.keys).flatMap(([key, { aliases }]) => [key, ...aliases])
    assert.equal(new Set(spellings).size, spellings.length)
    assert.deepEqual(
      spellings.filter((key) => keySet.ignored.has(key)),
      [],
    )
  })
}

test('every key that is said to have an effect is read by somebody', () => {
  const broker = codeOf(['broker', 'bin', 'local', 'base'])
  const nameserver = codeOf(['nameserver', 'bin', 'local', 'base'])
  const unused = [
    ...Object.keys(brokerKeySet.keys).filter((key) => !new RegExp(`\\b${key}\\b`).test(broker)),
    ...Object.keys(nameserverKeySet.keys).filter((key) => !new RegExp(`\\b${key}\\b`).test(nameserver)),
  ]
  assert.deepEqual(unused, [])
})

test('the nearest name is the one that may have been meant', () => {
  const names = ['fileReservedTime', 'listenPort', 'haListenPort', 'brokerName']
  assert.equal(nearest('fileReserveTime', names), 'fileReservedTime')
  assert.equal(nearest('FILERESERVEDTIME', names), 'fileReservedTime')
  assert.equal(nearest('listenProt', names), 'listenPort')
  assert.equal(nearest('somethingElse', names), undefined)
  assert.equal(nearest('', names), undefined)
  assert.equal(nearest('up', ['up', 'down']), 'up')
})
