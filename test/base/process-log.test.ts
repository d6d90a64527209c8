import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatLine } from '../../base/process-log.ts'

const time = new Date(2026, 4, 7, 9, 3, 1, 42)
const line = (fields: Record<string, unknown>): Parameters<typeof formatLine>[0] => ({
  level: 'warn',
  time,
  event: 'broker.gone',
  fields,
})
const text = (fields: Record<string, unknown>): string =>
  formatLine(line(fields), { format: 'text', isColored: false })

test('a text line has time, level, event and fields', () => {
  assert.equal(
    text({ broker: 'broker-a', id: 0, reason: 'fell silent', gone: undefined, list: [1, 'a'] }),
    '2026-05-07 09:03:01.042 WARN  broker.gone broker=broker-a id=0 reason="fell silent" list=[1,"a"]',
  )
})

test('what a peer sends cannot start a line or a field of its own, or move the cursor', () => {
  const forged = text({
    remark: 'x\n2026-05-07 ERROR broker.failed',
    name: 'a b=c',
    escape: '\u001b[2J\u009b2J\u2028',
  })
  assert.equal(forged.split('\n').length, 1)
  assert.match(forged, /name="a b=c" escape="\\u001b\[2J\\u009b2J\\u2028"$/)
})

test('a JSON line has the same, and no field takes the place of time, level or event', () => {
  const json = formatLine(line({ event: 'x', level: 'y', error: new Error('no'), big: 1n }), {
    format: 'json',
    isColored: false,
  })
  const parsed = JSON.parse(json) as Record<string, string>
  assert.equal(parsed.time, time.toISOString())
  assert.equal(parsed.level, 'warn')
  assert.equal(parsed.event, 'broker.gone')
  assert.equal(parsed.big, '1')
  assert.match(parsed.error ?? '', /^Error: no\n/)
})

/** A process that logs and ends in a given way. */
function run(code: string): string {
  const file = join(import.meta.dirname, '..', '..', 'base', 'process-log.ts')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { writeSync } from 'node:fs'
       import { ProcessLog } from ${JSON.stringify(file)}
       const log = new ProcessLog({ level: 'info', format: 'json', isColored: false, writeSync: (text) => writeSync(1, text) })
       ${code}`,
    ],
    { encoding: 'utf8' },
  )
  assert.equal(stderr, '')
  return stdout
}

test('lines reach standard output in order, those below the level do not', () => {
  const out = run(`log.info('a'); log.debug('b'); log.with({ x: 1 }).with({ y: 2 }).info('c', { z: 3 })
    setTimeout(() => log.warn('d'), 300)`)
  const lines = out
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as Record<string, unknown>)
  assert.deepEqual(
    lines.map(({ event }) => event),
    ['a', 'c', 'd'],
  )
  assert.deepEqual([lines[1]?.x, lines[1]?.y, lines[1]?.z], [1, 2, 3])
})

test('a process that ends at once loses no line', () => {
  const out = run(`log.error('why'); log.flushSync(); process.exit(1)`)
  assert.match(out, /"event":"why"/)
})
