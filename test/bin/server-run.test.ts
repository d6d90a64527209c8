import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Command, temporaryFolder, untilTrue } from '../support/commands.ts'

const serverRun = join(import.meta.dirname, '..', '..', 'bin', 'server-run.ts')

/** A program whose server starts and stops as `code` says. */
function programOf(folder: string, code: string): string {
  const path = join(folder, 'program.mjs')
  writeFileSync(
    path,
    `import { announce, openLog, runServer } from ${JSON.stringify(serverRun)}
     const log = openLog({ logLevel: 'info', logFormat: 'json' })
     const never = new Promise(() => undefined)
     const serving = { tickIntervalMs: 10, stopLimitMs: 100, tick: () => undefined, stop: async () => undefined }
     const keepAlive = setInterval(() => undefined, 1000)
     const start = ${code}
     await runServer({ name: 'test', start }, log)
     announce('ready', { host: '', port: 1 })`,
  )
  return path
}
const server = (folder: string, code: string): Command =>
  new Command(process.execPath, [programOf(folder, code)])

test('one signal waits for the stop and ends with 0', async () => {
  using folder = temporaryFolder()
  const command = server(
    folder.path,
    `async () => ({ ...serving, stopLimitMs: 5000, stop: () => new Promise((done) => setTimeout(done, 100)) })`,
  )
  await command.until(/ready/)
  const { code, stdout } = await command.signal('SIGTERM')
  assert.equal(code, 0)
  assert.match(stdout, /"event":"process\.stopping","reason":"SIGTERM"/)
})

test('a second signal does not wait for the stop', async () => {
  using folder = temporaryFolder()
  const command = server(folder.path, `async () => ({ ...serving, stopLimitMs: 60_000, stop: () => never })`)
  await command.until(/ready/)
  command.child.kill('SIGINT')
  await command.until(/process\.stopping/)
  const { code, stdout } = await command.signal('SIGINT')
  assert.equal(code, 1)
  assert.match(stdout, /process\.stopped-at-once/)
})

test('a stop that takes too long is ended and told', async () => {
  using folder = temporaryFolder()
  const command = server(folder.path, `async () => ({ ...serving, stop: () => never })`)
  await command.until(/ready/)
  const { code, stdout } = await command.signal('SIGTERM')
  assert.equal(code, 1)
  assert.match(stdout, /"event":"process\.failed","reason":"the stop took too long"/)
})

const failures: readonly (readonly [what: string, code: string, reason: RegExp])[] = [
  [
    'a failure that the server tells',
    `async (log, fail) => (setTimeout(() => fail(new Error('the disk')), 20), serving)`,
    /"reason":"the disk"/,
  ],
  [
    'an exception that nobody catches',
    `async () => (setTimeout(() => { throw new Error('a bug') }, 20), serving)`,
    /"reason":"a bug"/,
  ],
  [
    'a rejection that nobody handles',
    `async () => (setTimeout(() => Promise.reject(new Error('a promise')), 20), serving)`,
    /"reason":"a promise"/,
  ],
  [
    'a tick that throws',
    `async () => ({ ...serving, tick: () => { throw new Error('a tick') } })`,
    /"reason":"a tick"/,
  ],
]
for (const [what, code, reason] of failures)
  test(`${what} ends the process with 1 and the reason in the log`, async () => {
    using folder = temporaryFolder()
    const ended = await server(folder.path, code).ended
    assert.equal(ended.code, 1)
    assert.match(ended.stdout, reason)
    assert.match(ended.stdout, /"stack":"Error: /)
  })

test('a start that fails is one line, without a stack when the error explains itself', async () => {
  using folder = temporaryFolder()
  const ended = await server(folder.path, `async () => { throw new Error('port 1 is taken by x') }`).ended
  assert.equal(ended.code, 1)
  assert.equal(ended.stderr, 'test: port 1 is taken by x\n')
})

test('a signal during the start ends the process', async () => {
  using folder = temporaryFolder()
  const command = server(folder.path, `async (log) => (console.log('starting'), await never)`)
  await command.until(/starting/)
  assert.equal((await command.signal('SIGTERM')).code, 0)
})

test('a server whose parent goes away stops in order', async () => {
  using folder = temporaryFolder()
  const child = fork(
    programOf(folder.path, `async () => ({ ...serving, stop: async () => console.log('in order') })`),
    {
      silent: true,
    },
  )
  let stdout = ''
  child.stdout?.on('data', (data) => {
    stdout += data
  })
  await new Promise((resolve) => child.once('message', resolve))
  child.disconnect()
  await untilTrue('the end', () => child.exitCode !== null)
  assert.equal(child.exitCode, 0)
  assert.match(stdout, /the parent process is gone/)
  assert.match(stdout, /in order/)
})

test('a server whose parent went away before it was ready stops, too', async () => {
  using folder = temporaryFolder()
  const child = fork(programOf(folder.path, 'async () => serving'), { silent: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data) => {
      output += data
    })
  child.disconnect()
  await untilTrue('the end', () => child.exitCode !== null)
  assert.equal(child.exitCode, 0, output)
  assert.match(output, /the parent process is gone/)
})
