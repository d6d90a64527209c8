import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

/** Who may import whom. A room may always import itself and node:*. Change it together with docs/architecture.md. */
const mayImport: Record<string, readonly string[]> = {
  base: [],
  settings: ['base'],
  message: ['base'],
  remoting: ['base', 'message'],
  store: ['base', 'message'],
  nameserver: ['base', 'settings', 'remoting'],
  client: ['base', 'message', 'remoting'],
  broker: ['base', 'settings', 'message', 'remoting', 'store'],
  cluster: ['base', 'settings'],
  admin: ['base', 'message', 'remoting', 'client'],
  local: ['base', 'settings', 'cluster', 'admin'],
}
const freeRooms = ['packaging', 'bin', 'test', 'benchmark', 'examples']

const packagesOf: Record<string, readonly string[]> = {
  base: ['winston', 'prom-client'],
  cluster: ['yaml'],
  local: ['yaml'],
}

/** The outside world is reached in few places; everybody else gets it as an argument. */
const onlyIn: readonly {
  readonly what: RegExp
  readonly name: string
  readonly places: readonly string[]
}[] = [
  {
    name: 'node:fs',
    what: /from 'node:fs/,
    places: ['store/file-disk.ts', 'remoting/port-owner.ts', 'local/', 'bin/'],
  },
  {
    name: 'node:net and node:tls',
    what: /from 'node:(net|tls)'/,
    places: ['remoting/', 'store/file-disk.ts', 'base/http.ts', 'local/'],
  },
  { name: 'child_process', what: /from 'node:child_process'/, places: ['local/', 'bin/'] },
  {
    name: 'the clock and chance',
    what: /\b(Date\.now|performance\.now|Math\.random)\(|new Date\(\)|\bsetInterval\(/,
    places: ['base/', 'bin/', 'local/'],
  },
  { name: 'process.env', what: /\bprocess\.env\b/, places: ['bin/', 'local/'] },
]

const FILE_LINES_MAX = 500

function filesUnder(folder: string): string[] {
  const found: string[] = []
  for (const name of readdirSync(join(root, folder))) {
    if (name === 'node_modules' || name === 'fixtures' || name === 'dist' || name.startsWith('.')) continue
    const path = join(folder, name)
    if (statSync(join(root, path)).isDirectory()) found.push(...filesUnder(path))
    else if (name.endsWith('.ts')) found.push(path)
  }
  return found
}

const allFiles = filesUnder('.').map((file) => normalize(file))
const roomOf = (file: string): string => file.split('/')[0] ?? ''
const text = new Map(allFiles.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
const importsOf = (file: string): string[] =>
  [...(text.get(file) ?? '').matchAll(/(?:from|import)\s*\(?\s*'([\w@.][^'\s]*)'/g)].map(
    (match) => match[1] ?? '',
  )

test('every room imports only what the table allows', () => {
  const wrong: string[] = []
  for (const file of allFiles) {
    const room = roomOf(file)
    if (freeRooms.includes(room)) continue
    const allowed = mayImport[room]
    assert(allowed, `${file}: room ${room} is not in the table`)
    for (const target of importsOf(file)) {
      if (target.startsWith('node:')) continue
      if (!target.startsWith('.')) {
        const isPackageAllowed = packagesOf[room]?.some((name) => target === name)
        if (!isPackageAllowed) wrong.push(`${file} imports package ${target}`)
        continue
      }
      const other = roomOf(relative(root, join(root, dirname(file), target)))
      if (other !== room && !allowed.includes(other)) wrong.push(`${file} imports ${other}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('the outside world is reached only where it is allowed', () => {
  const wrong: string[] = []
  for (const file of allFiles) {
    if (['test', 'benchmark', 'examples', 'packaging'].includes(roomOf(file))) continue
    const code = (text.get(file) ?? '').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    for (const rule of onlyIn) {
      if (rule.what.test(code) && !rule.places.some((place) => file.startsWith(place)))
        wrong.push(`${file} uses ${rule.name}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test(`no source file is longer than ${FILE_LINES_MAX} lines`, () => {
  const long = allFiles
    .filter((file) => roomOf(file) !== 'test')
    .map((file) => [file, (text.get(file) ?? '').split('\n').length] as const)
    .filter(([, lines]) => lines > FILE_LINES_MAX)
  assert.deepEqual(long, [])
})

test('every file is reached from an entry point or a test', () => {
  const reached = new Set<string>()
  const visit = (file: string): void => {
    if (reached.has(file) || !text.has(file)) return
    reached.add(file)
    for (const target of importsOf(file))
      if (target.startsWith('.')) visit(normalize(join(dirname(file), target)))
  }
  const isEntry = (file: string): boolean =>
    freeRooms.includes(roomOf(file)) || file === 'client/client.ts' || file.endsWith('.test.ts')
  for (const file of allFiles) if (isEntry(file) && !file.startsWith('test/support/')) visit(file)
  assert.deepEqual(
    allFiles.filter((file) => !reached.has(file)),
    [],
  )
})

test('test files are named so that the runner finds them', () => {
  const odd = allFiles.filter(
    (file) =>
      roomOf(file) === 'test' &&
      !file.endsWith('.test.ts') &&
      !/^test\/(support|interop|crash|kill|folder|readme)\//.test(file),
  )
  assert.deepEqual(odd, [])
})

test('every page that a source or a page names is there', () => {
  const pages = ['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'store/format.md']
  const missing: string[] = []
  const named = (file: string, content: string): void => {
    for (const [path] of content.matchAll(/\b(?:docs|store)\/[\w/-]+\.md\b/g))
      if (!existsSync(join(root, path))) missing.push(`${file} names ${path}`)
  }
  for (const [file, content] of text) named(file, content)
  for (const page of pages) named(page, readFileSync(join(root, page), 'utf8'))
  assert.deepEqual(missing, [])
})

test('every source that the table of file formats names is there', () => {
  const page = readFileSync(join(root, 'store/format.md'), 'utf8')
  const sources = [...page.matchAll(/`((?:store|message)\/[\w-]+\.ts)`/g)].map((match) => match[1] ?? '')
  assert.ok(sources.length > 10)
  assert.deepEqual(
    sources.filter((source) => !text.has(source)),
    [],
  )
})
