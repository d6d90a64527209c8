import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..', '..')

test('every test that docs/bad-input.md names exists, and every row has one or says that it comes later', () => {
  const page = readFileSync(join(root, 'docs', 'bad-input.md'), 'utf8')
  const rows = page.split('\n').filter((line) => /^\| (?!input|\|)/.test(line))
  assert(rows.length > 40)
  for (const row of rows) {
    const tests = [...row.matchAll(/`([a-z]+\/[a-z-]+)`((?:,? "[^"]+")+)/g)]
    assert(tests.length > 0 || row.includes('*later*'), row)
    for (const [, file, names = ''] of tests) {
      const text = readFileSync(join(root, 'test', `${file}.test.ts`), 'utf8')
      const titles = [...text.matchAll(/^ *test\(\s*(['"`])(.*?)\1,/gm)].map((match) => match[2])
      for (const [, name = ''] of names.matchAll(/"([^"]+)"/g))
        assert(
          titles.some((title) => title?.includes(name)),
          `${file}: ${name}`,
        )
    }
  }
})
