import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from '../support/ask.ts'
import { Command, isRunning, run, temporaryFolder, untilTrue } from '../support/commands.ts'
import { freePort } from '../support/server-processes.ts'

const root = join(import.meta.dirname, '..', '..')
const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'))
const READY = /Ready after [\d.]+ s/

/** A base with free ports for two nameservers and two groups. */
const freeBase = (): Promise<number> => freePort([0, 1, 50, 51, 100, 101, 105, 110, 111, 115])

interface Up {
  readonly command: Command
  /** Component → process id, as printed. */
  readonly pids: ReadonlyMap<string, number>
  readonly namesrvAddr: string
}

async function start(args: readonly string[], base: number): Promise<Up> {
  const command = new Command('rocketcluster', ['up', '--port-base', String(base), ...args], { cwd: root })
  await command.until(/Ctrl-C stops everything/)
  const pids = new Map<string, number>()
  for (const [, name = '', pid = ''] of command.stdout.matchAll(/^(\S+) +127\.0\.0\.1:\d+ +(\d+) /gm))
    pids.set(name, Number(pid))
  const namesrvAddr = /NAMESRV_ADDR="([^"]+)"/.exec(command.stdout)?.[1] ?? ''
  return { command, pids, namesrvAddr }
}

const brokerNames = async (nameserver: string): Promise<string[]> => {
  const { body } = await ask(nameserver, 106, {})
  const { brokerAddrTable } = JSON.parse(body.toString()) as { brokerAddrTable: Record<string, unknown> }
  return Object.keys(brokerAddrTable).sort()
}

test('there are examples to run', () => {
  assert(examples.includes('single-master.yaml') && examples.includes('multi-master.yaml'))
})
for (const example of examples)
  test(`the example ${example} runs: every broker is in every nameserver, and Ctrl-C leaves nothing behind`, async () => {
    using folder = temporaryFolder()
    const { command, pids, namesrvAddr } = await start(
      ['-f', `examples/${example}`, '--data', folder.path],
      await freeBase(),
    )
    const expected = [...pids.keys()].filter((name) => !name.startsWith('nameserver')).sort()
    assert(expected.length >= 1)
    for (const nameserver of namesrvAddr.split(';')) assert.deepEqual(await brokerNames(nameserver), expected)
    const { code, stdout, stderr } = await command.interrupt()
    assert.equal(code, 0)
    assert.equal(stderr, '')
    assert.match(stdout, /Stopped\. The data stays/)
    for (const pid of pids.values()) assert(!isRunning(pid))
    const log = (name: string): string => readFileSync(join(folder.path, 'logs', `${name}.log`), 'utf8')
    for (const name of expected) {
      // Asked by their parent, not by the terminal, and while the nameservers still listened.
      assert.match(log(name), /process\.stopping reason=SIGTERM\n.*broker\.stopped/s)
      assert.match(
        log('nameserver-0'),
        new RegExp(`broker\\.unregistered .*broker=${name} [^\n]*\n.*process\\.stopping`, 's'),
      )
    }
  })

test('messages are there again after a restart', async () => {
  using folder = temporaryFolder()
  const base = await freeBase()
  const tools = (program: string): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    run('tools', [program, '-n', `127.0.0.1:${base}`, '-c', '5'])
  const first = await start(['--data', folder.path], base)
  assert.match(first.command.stdout, /data in .* \(new\)/)
  const sent = await tools('org.apache.rocketmq.example.quickstart.Producer')
  assert.equal(sent.stdout.match(/SEND_OK/g)?.length, 5, sent.stderr)
  await first.command.signal('SIGTERM')

  const second = await start(['--data', folder.path], base)
  assert.match(second.command.stdout, /data in .* \(with the data of the last run\)/)
  const received = await tools('quickstart.Consumer')
  for (let i = 0; i < 5; i++) assert.match(received.stdout, new RegExp(`body=Hello RocketMQ ${i}\\]`))
  await second.command.signal('SIGTERM')
})

test('a server that is killed is back, and the cluster with it', async () => {
  using folder = temporaryFolder()
  const { command, pids, namesrvAddr } = await start(['--data', folder.path], await freeBase())
  const broker = pids.get('broker-a') ?? assert.fail()
  process.kill(broker, 'SIGKILL')
  await command.until(/broker-a ended \(signal SIGKILL\), starts again in 0\.[2-5] s/)
  const [, again] = await command.until(/broker-a serves again \(pid (\d+)\)/)
  await untilTrue('the route is back', async () => (await brokerNames(namesrvAddr)).includes('broker-a'))
  await command.signal('SIGINT')
  assert(!isRunning(Number(again)))
})

test('when rocketcluster itself is killed, its servers notice and stop', async () => {
  using folder = temporaryFolder()
  const { command, pids } = await start(['--data', folder.path], await freeBase())
  await command.signal('SIGKILL')
  await untilTrue('all are gone', () => [...pids.values()].every((pid) => !isRunning(pid)))
  const log = readFileSync(join(folder.path, 'logs', 'broker-a.log'), 'utf8')
  assert.match(log, /the parent process is gone/)
  assert.match(log, /broker\.stopped/)
  // And the folder that it had taken is free again.
  const next = await start(['--data', folder.path], await freeBase())
  await next.command.signal('SIGINT')
})

test('a server that is stopped from outside is left alone, and with the last one the command ends', async () => {
  using folder = temporaryFolder()
  const { command, pids } = await start(['--data', folder.path], await freeBase())
  process.kill(pids.get('broker-a') ?? assert.fail(), 'SIGTERM')
  await command.until(/broker-a was stopped from outside and is left alone/)
  process.kill(pids.get('nameserver-0') ?? assert.fail(), 'SIGTERM')
  const { code, stdout } = await command.ended
  assert.match(stdout, /Nothing is running any more/)
  assert.equal(code, 1)
})

test('a taken port is one clear line with its owner and what to do, before anything starts', async () => {
  using folder = temporaryFolder()
  const base = await freeBase()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(base + 100, '127.0.0.1', resolve))
  const data = join(folder.path, 'data')
  const { code, stderr, stdout } = await run('rocketcluster', [
    'up',
    '--port-base',
    String(base),
    '--data',
    data,
  ])
  server.close()
  assert.equal(code, 1)
  assert.match(
    stderr,
    new RegExp(
      `^port ${base + 100} \\(broker-a\\) is taken by node.* \\(pid ${process.pid}\\)\nStop that process, or choose other ports`,
    ),
  )
  assert.doesNotMatch(stderr, /\n +at /)
  assert.equal(stdout, '')
  assert.deepEqual(readdirSync(folder.path), [])
})

test('a data folder in use is refused with its owner, also with other ports', async () => {
  using folder = temporaryFolder()
  const { command } = await start(['--data', folder.path], await freeBase())
  const { code, stderr } = await run('rocketcluster', [
    'up',
    '--port-base',
    String(await freeBase()),
    '--data',
    folder.path,
  ])
  assert.equal(code, 1)
  assert.match(
    stderr,
    new RegExp(
      `is in use by another rocketcluster up \\(pid ${command.pid}\\): stop it, or give --data another folder`,
    ),
  )
  await command.signal('SIGINT')
})

const head = 'apiVersion: rocketcluster.io/v1alpha1\nkind: RocketCluster\nmetadata: {name: x}\n'
const bad: readonly (readonly [what: string, text: string, expected: RegExp])[] = [
  [
    'with a mistake',
    `${head}spec:\n  brokers: {flush: SYNC}\n`,
    /x\.yaml:5: spec\.brokers\.flush: "SYNC"; allowed: ASYNC_FLUSH, SYNC_FLUSH/,
  ],
  [
    'that needs slaves',
    `${head}spec: {brokers: {replicasPerGroup: 2}}`,
    /x\.yaml: group g1: replicasPerGroup 2: this version runs masters only/,
  ],
  ['that is none', 'hello', /a RocketCluster was expected/],
]
for (const [what, text, expected] of bad)
  test(`a manifest ${what} is refused before anything starts`, async () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, 'x.yaml'), text)
    const { code, stderr } = await run('rocketcluster', ['up', '-f', 'x.yaml'], { cwd: folder.path })
    assert.equal(code, 1)
    assert.match(stderr, expected)
    assert.doesNotMatch(stderr, /\n +at /)
    assert.deepEqual(readdirSync(folder.path), ['x.yaml'])
  })

test('a server that cannot start ends the whole start with its last lines and leaves nothing behind', async () => {
  using folder = temporaryFolder()
  // A file where the store wants a folder.
  mkdirSync(join(folder.path, 'broker-a'), { recursive: true })
  writeFileSync(join(folder.path, 'broker-a', 'store'), 'no folder')
  const command = new Command('rocketcluster', [
    'up',
    '--port-base',
    String(await freeBase()),
    '--data',
    folder.path,
  ])
  const { code, stderr, stdout } = await command.ended
  assert.equal(code, 1)
  assert.match(stderr, /^broker-a did not start \(exit code 1\):\n {2}mqbroker: /)
  assert.doesNotMatch(stdout, READY)
  assert(!readdirSync(folder.path).includes('up.pid'))
})

test('a second Ctrl-C ends at once what does not want to stop', async () => {
  using folder = temporaryFolder()
  const { command, pids } = await start(['--data', folder.path], await freeBase())
  const broker = pids.get('broker-a') ?? assert.fail()
  process.kill(broker, 'SIGSTOP')
  command.child.kill('SIGINT')
  await command.until(/Stopping/)
  await command.signal('SIGINT')
  for (const pid of pids.values()) assert(!isRunning(pid))
})
