import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findProcesses } from '../../bin/processes.ts'
import { temporaryFolder } from '../support/commands.ts'

function withProcesses(
  commands: Readonly<Record<string, readonly string[]>>,
): { readonly path: string } & Disposable {
  const folder = temporaryFolder()
  for (const [pid, args] of Object.entries(commands)) {
    mkdirSync(join(folder.path, pid))
    writeFileSync(join(folder.path, pid, 'cmdline'), args.map((arg) => `${arg}\0`).join(''))
  }
  return folder
}

test('servers are found by the program that their node runs, whatever flags and arguments stand around it', () => {
  using proc = withProcesses({
    '300': ['/x/node', '/repo/bin/broker.ts', '-n', 'localhost:9876'],
    '20': ['node', '--max-old-space-size=512', '/usr/lib/node_modules/rocketcluster/bin/broker.js'],
    '21': ['node', '/repo/bin/nameserver.ts'],
    '22': ['vi', '/repo/bin/broker.ts'],
    '23': ['node', '/repo/other.js', '/repo/bin/broker.ts'],
    '24': ['java', 'org.apache.rocketmq.broker.BrokerStartup'],
    '25': ['node', '/repo/bin/mybroker.ts'],
    '26': [],
    self: ['node', '/repo/bin/broker.ts'],
  })
  assert.deepEqual(findProcesses('broker', { proc: proc.path }), [
    { pid: 20, args: [] },
    { pid: 300, args: ['-n', 'localhost:9876'] },
  ])
  assert.deepEqual(findProcesses('nameserver', { proc: proc.path }), [{ pid: 21, args: [] }])
})

test('processes of other users are left alone', () => {
  using proc = withProcesses({ '20': ['node', '/repo/bin/broker.ts'] })
  const uid = (process.getuid?.() ?? 0) + 1
  assert.deepEqual(findProcesses('broker', { proc: proc.path, uid }), [])
})
