import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from '../support/ask.ts'
import { Command, type Ended, run, temporaryFolder } from '../support/commands.ts'
import { freePort } from '../support/server-processes.ts'

const root = join(import.meta.dirname, '..', '..')

test('help tells what a newcomer needs, from every launcher', async () => {
  const launchers = ['mqnamesrv', 'mqbroker', 'mqshutdown', 'tools', 'rocketcluster']
  const outcomes = await Promise.all(launchers.map((name) => run(name, ['--help'])))
  for (const [at, name] of launchers.entries()) {
    assert.equal(outcomes[at]?.code, 0, name)
    assert.match(outcomes[at]?.stdout ?? '', new RegExp(`^${name}: `))
    assert.equal(outcomes[at]?.stderr, '')
  }
})

test('a launcher works through symbolic links, from any folder, also when it is handed to sh', async () => {
  using folder = temporaryFolder()
  symlinkSync(join(root, 'bin', 'mqbroker'), join(folder.path, 'first'))
  symlinkSync('first', join(folder.path, 'second'))
  const linked = await run(join(folder.path, 'second'), ['--help'], { cwd: '/' })
  assert.match(linked.stdout, /^mqbroker: /)
  const handed = await run('/bin/sh', [join(root, 'bin', 'mqnamesrv'), '--help'])
  assert.match(handed.stdout, /^mqnamesrv: /)
})

const refused: readonly (readonly [name: string, args: readonly string[], expected: RegExp])[] = [
  ['mqbroker', ['--brokrName', 'x'], /^mqbroker: unknown option --brokrName/],
  ['mqbroker', ['--configfile=x'], /^mqbroker: unknown option --configfile=x, did you mean configFile\?/],
  ['mqbroker', ['extra'], /unknown argument extra/],
  ['mqbroker', ['-c'], /argument missing/],
  ['mqbroker', ['-c', '/nowhere/a.conf'], /cannot read \/nowhere\/a\.conf: there is no such file/],
  ['mqbroker', ['-c', '/tmp'], /cannot read \/tmp: it is a folder/],
  ['mqbroker', ['-n', 'localhost'], /^mqbroker: option -n: namesrvAddr: "localhost"; allowed: host:port/],
  ['mqbroker', ['--log-level', 'loud'], /allowed: error, warn, info, debug/],
  ['mqnamesrv', ['--log-format', 'xml'], /allowed: text, json/],
  [
    'mqbroker',
    ['-c', 'conf/2m-2s-sync/broker-a.properties'],
    /conf\/2m-2s-sync\/broker-a\.properties:\d+: brokerRole: SYNC_MASTER: this version does not replicate/,
  ],
  [
    'mqbroker',
    ['-c', 'conf/2m-2s-async/broker-b-s.properties'],
    /brokerRole: SLAVE: this version does not replicate/,
  ],
  ['mqshutdown', [], /what to stop: broker or namesrv/],
  ['mqshutdown', ['brokr'], /did you mean broker\?/],
  ['mqshutdown', ['broker', '--port', 'x'], /--port x; allowed: a whole number/],
  [
    'tools',
    ['quickstart.Producr'],
    /unknown program quickstart\.Producr, did you mean quickstart\.Producer\?/,
  ],
  ['tools', ['quickstart.Producer', '-c', 'many'], /--count many; allowed/],
  ['rocketcluster', ['upp'], /unknown command upp, did you mean up\?/],
  ['rocketcluster', ['up', '-f', 'nowhere.yaml'], /cannot read nowhere\.yaml: there is no such file/],
  ['rocketcluster', ['up', 'my.yaml'], /a manifest is given with -f my\.yaml/],
  [
    'rocketcluster',
    ['up', '--port-base', '70000'],
    /--port-base 70000; allowed: a whole number from 1 to \d+/,
  ],
]
test('a command line that cannot be understood is one clear line and exit code 2, never a stack', async () => {
  for (const [name, args, expected] of refused) {
    const { code, stderr, stdout } = await run(name, args, { cwd: root })
    assert.match(stderr, expected, `${name} ${args.join(' ')}`)
    assert.equal(code, 2)
    assert.doesNotMatch(stderr, /\n +at /)
    assert.equal(stdout, '')
  }
})

test('-p prints every key and starts nothing, also with a file that could not run', async () => {
  const { code, stdout } = await run('mqbroker', ['-p', '-c', 'conf/2m-2s-sync/broker-a-s.properties'], {
    cwd: root,
  })
  assert.equal(code, 0)
  assert.match(stdout, /^brokerRole=SLAVE +conf\/2m-2s-sync\/broker-a-s\.properties:\d+ +ASYNC_MASTER$/m)
  assert.match(stdout, /sendMessageThreadPoolNums/)
})

/** A nameserver with a broker, on free ports, with everything in one folder. */
async function cluster(folder: string): Promise<{
  nameserver: Command
  broker: Command
  nameserverPort: number
  brokerPort: number
}> {
  const nameserverPort = await freePort()
  const brokerPort = await freePort([0, 1])
  writeFileSync(
    join(folder, 'ns.conf'),
    `# mine\nlistenPort=${nameserverPort}\nmetricsPort=0\nkvConfigPath=${folder}/kv.json\n`,
  )
  writeFileSync(
    join(folder, 'b.conf'),
    `brokerName=broker-a\nlistenPort=${brokerPort}\nmetricsPort=0\nstorePathRootDir=${folder}/store\nfoo=1\n`,
  )
  const nameserver = new Command('mqnamesrv', ['-c', join(folder, 'ns.conf')])
  await nameserver.until(/The Name Server boot success\. serializeType=JSON, address 127\.0\.0\.1:\d+\n/)
  const broker = new Command('mqbroker', ['-c', join(folder, 'b.conf')], {
    env: { NAMESRV_ADDR: `127.0.0.1:${nameserverPort}` },
  })
  await broker.until(/boot success/)
  return { nameserver, broker, nameserverPort, brokerPort }
}

test('mqnamesrv and mqbroker print what scripts wait for, serve, keep changes, and stop in order', async () => {
  using folder = temporaryFolder()
  const { nameserver, broker, nameserverPort, brokerPort } = await cluster(folder.path)
  assert.match(
    broker.stdout,
    new RegExp(
      `^The broker\\[broker-a, 127\\.0\\.0\\.1:${brokerPort}\\] boot success\\. serializeType=JSON and name server is 127\\.0\\.0\\.1:${nameserverPort}\\n`,
      'm',
    ),
  )
  await broker.until(/"event":"settings.warning","place":".*b\.conf:5","key":"foo"/)
  const info = await ask(`127.0.0.1:${nameserverPort}`, 206, {})
  assert.equal(info.code, 0)

  // KV configuration and a changed key are on disk when they are answered; the file keeps its comment.
  const put = await ask(`127.0.0.1:${nameserverPort}`, 100, { namespace: 'n', key: 'k', value: 'v' })
  assert.equal(put.code, 0)
  assert.deepEqual(JSON.parse(readFileSync(join(folder.path, 'kv.json'), 'utf8')), {
    configTable: { n: { k: 'v' } },
  })
  const change = await ask(`127.0.0.1:${nameserverPort}`, 318, {}, Buffer.from('orderMessageEnable=true\n'))
  assert.equal(change.code, 0)
  const saved = readFileSync(join(folder.path, 'ns.conf'), 'utf8')
  assert.match(saved, /^# mine\n/)
  assert.match(saved, /^orderMessageEnable=true$/m)

  const stoppedBroker = await broker.signal('SIGTERM')
  assert.equal(stoppedBroker.code, 0)
  assert.match(stoppedBroker.stdout, /"event":"broker\.stopped"/)
  const stoppedNameserver = await nameserver.signal('SIGINT')
  assert.equal(stoppedNameserver.code, 0)
  assert.match(stoppedNameserver.stdout, /"event":"nameserver\.stopped"/)
})

test('metrics and probes are served; a taken metrics port stops the start only where somebody asked for it', async () => {
  using folder = temporaryFolder()
  const metricsPort = await freePort()
  const common = `listenPort=0\nkvConfigPath=${folder.path}/kv.json\n`
  writeFileSync(join(folder.path, 'chosen.conf'), `${common}metricsPort=${metricsPort}\n`)
  writeFileSync(join(folder.path, 'usual.conf'), common)
  const first = new Command('mqnamesrv', ['-c', join(folder.path, 'chosen.conf')])
  await first.until(/boot success/)
  const get = async (path: string): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${metricsPort}${path}`)).text()
  assert.match(await get('/metrics'), /^rocketcluster_nameserver_topics\{/m)
  assert.equal(await get('/healthz'), 'ok\n')
  assert.equal(await get('/readyz'), 'ok\n')
  const second = await run('mqnamesrv', ['-c', join(folder.path, 'chosen.conf')])
  assert.equal(second.code, 1)
  assert.match(
    second.stderr,
    new RegExp(`^mqnamesrv: port ${metricsPort} on 127\\.0\\.0\\.1 \\(metrics\\) is taken`),
  )

  const usual = createServer()
  // Also when it is taken already by something else on this machine, it is taken.
  await new Promise<void>((resolve) =>
    usual.once('error', () => resolve()).listen(5556, '127.0.0.1', resolve),
  )
  const third = new Command('mqnamesrv', ['-c', join(folder.path, 'usual.conf')])
  await third.until(/"event":"metrics\.off"/)
  await third.until(/boot success/)
  usual.close()
  await Promise.all([first.signal('SIGTERM'), third.signal('SIGTERM')])
})

test('a taken port and a locked data folder are one clear line that names the owner', async () => {
  using folder = temporaryFolder()
  const { nameserver, broker, nameserverPort } = await cluster(folder.path)
  const again = await run('mqnamesrv', ['-c', join(folder.path, 'ns.conf')])
  assert.equal(again.code, 1)
  assert.match(
    again.stderr,
    new RegExp(`^mqnamesrv: port ${nameserverPort} on 127\\.0\\.0\\.1 is taken by .*pid ${nameserver.pid}`),
  )
  assert.doesNotMatch(again.stderr, /\n +at /)

  mkdirSync(join(folder.path, 'x'))
  writeFileSync(
    join(folder.path, 'x', 'b.conf'),
    `listenPort=0\nmetricsPort=0\nstorePathRootDir=${folder.path}/store\n`,
  )
  const other = await run('mqbroker', ['-c', join(folder.path, 'x', 'b.conf')])
  assert.equal(other.code, 1)
  assert.match(other.stderr, new RegExp(`^mqbroker: .* is in use by pid ${broker.pid}`))
  assert.doesNotMatch(other.stderr, /\n +at /)
  await Promise.all([broker.signal('SIGTERM'), nameserver.signal('SIGTERM')])
})

test('mqshutdown stops the broker on a port, waits until it is gone, and says so', async () => {
  using folder = temporaryFolder()
  const { nameserver, broker, brokerPort } = await cluster(folder.path)
  const { code, stdout } = await run('mqshutdown', ['broker', '--port', String(brokerPort)])
  assert.equal(code, 0)
  assert.match(
    stdout,
    new RegExp(
      `^The broker \\(${broker.pid}\\) is running, asked it to stop\\.\\.\\.\nThe broker \\(${broker.pid}\\) stopped after`,
    ),
  )
  assert.equal((await broker.ended).code, 0)
  const nothing = await run('mqshutdown', ['broker', '--port', String(brokerPort)])
  assert.equal(nothing.code, 1)
  assert.match(nothing.stderr, /No broker of this user is running on port/)
  await nameserver.signal('SIGTERM')
})

test('a server that nohup started outlives the terminal session, one that was started without does not', async () => {
  using folder = temporaryFolder()
  writeFileSync(
    join(folder.path, 'ns.conf'),
    `listenPort=0\nmetricsPort=0\nkvConfigPath=${folder.path}/kv.json\n`,
  )
  const args = [join(root, 'bin', 'mqnamesrv'), '-c', join(folder.path, 'ns.conf')]
  const kept = new Command('/usr/bin/nohup', args)
  await kept.until(/boot success/)
  kept.child.kill('SIGHUP')
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal((await kept.signal('SIGTERM')).code, 0)

  const plain = new Command(args[0] ?? '', args.slice(1))
  await plain.until(/boot success/)
  assert.equal((await plain.signal('SIGHUP')).signal, 'SIGHUP')
})

test("without the project's own Node the one on PATH is taken, and told from one that is too old", async () => {
  using folder = temporaryFolder()
  const bin = join(folder.path, 'bin')
  mkdirSync(bin)
  for (const name of ['launch', 'mqbroker']) {
    copyFileSync(join(root, 'bin', name), join(bin, name))
    chmodSync(join(bin, name), 0o755)
  }
  writeFileSync(join(bin, 'broker.ts'), 'console.log(process.version)')
  const tools = join(folder.path, 'tools')
  mkdirSync(tools)
  const start = (): Promise<Ended> =>
    run(join(bin, 'mqbroker'), [], { env: { PATH: `${tools}:/usr/bin:/bin` } })

  const fake = join(tools, 'node')
  writeFileSync(fake, '#!/bin/sh\necho v20.20.2\n')
  chmodSync(fake, 0o755)
  const old = await start()
  assert.equal(old.code, 127)
  assert.match(
    old.stderr,
    /^broker: needs Node 24 or newer \(on PATH: v20\.20\.2\)\.\nIn a checkout, 'npm ci' brings the right one/,
  )

  rmSync(fake)
  symlinkSync(process.execPath, fake)
  assert.equal((await start()).stdout, `${process.version}\n`)
})
