import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readText, writeText } from '../../bin/text-file.ts'
import { temporaryFolder } from '../support/commands.ts'

test('a text is replaced as a whole and leaves no drafts', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'a', 'b', 'kv.json')
  assert.equal(await readText(path), undefined)
  await writeText(path, 'one, and long')
  await writeText(path, 'two')
  assert.equal(await readText(path), 'two')
  assert.deepEqual(readdirSync(join(folder.path, 'a', 'b')), ['kv.json'])
})

test('a write that fails leaves the old text and no draft', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'kv.json')
  writeFileSync(path, 'old')
  // A folder cannot be replaced by a file.
  mkdirSync(join(folder.path, 'target'))
  await assert.rejects(writeText(join(folder.path, 'target'), 'new'))
  assert.equal(await readText(path), 'old')
  assert.deepEqual(readdirSync(folder.path).sort(), ['kv.json', 'target'])
})
