import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Command, run, temporaryFolder } from '../support/commands.ts'

test('bad configuration files stop the start with file, line, key and what is allowed, all problems at once', async () => {
  using folder = temporaryFolder()
  const broker = join(folder.path, 'broker.conf')
  writeFileSync(
    broker,
    [
      '# a broker',
      'brokerName=broker a',
      'listenPort=99999',
      'flushDiskType=SOMETIMES',
      'fileReservedTime=-3',
      'autoCreateTopicEnable=perhaps',
      'messageDelayLevel=1s 2x',
      `storePathRootDir=${folder.path}/store`,
    ].join('\n'),
  )
  const refused = await run('mqbroker', ['-c', broker])
  assert.equal(refused.code, 2)
  assert.equal(refused.stdout, '')
  assert.doesNotMatch(refused.stderr, /\n +at |Error/)
  for (const [line, key, allowed] of [
    [2, 'brokerName', 'letters, digits'],
    [3, 'listenPort', 'a whole number from \\d+ to 65535'],
    [4, 'flushDiskType', 'ASYNC_FLUSH, SYNC_FLUSH'],
    [5, 'fileReservedTime', 'a whole number from'],
    [6, 'autoCreateTopicEnable', 'true or false'],
    [7, 'messageDelayLevel', 'numbers with s, m, h or d'],
  ] as const)
    assert.match(refused.stderr, new RegExp(`broker\\.conf:${line}: ${key}: .*allowed: ${allowed}`), key)
  assert.equal(existsSync(`${folder.path}/store`), false, 'nothing was made')

  const nameserver = join(folder.path, 'ns.conf')
  writeFileSync(nameserver, 'listenPort=x\nscanNotActiveBrokerInterval=0\n\\u12')
  const other = await run('mqnamesrv', ['-c', nameserver])
  assert.equal(other.code, 2)
  assert.match(other.stderr, /ns\.conf:3: .*\\u/)
  assert.doesNotMatch(other.stderr, /\n +at /)
})

test('an unknown key is a warning with the nearest known name, and the server starts', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'ns.conf')
  writeFileSync(
    file,
    `listenPort=0\nmetricsPort=0\norderMesageEnable=true\nkvConfigPath=${folder.path}/kv.json\n`,
  )
  const server = new Command('mqnamesrv', ['-c', file])
  await server.until(/boot success/)
  await server.until(/settings\.warning.*ns\.conf:3.*orderMesageEnable.*orderMessageEnable/)
  assert.equal((await server.signal('SIGTERM')).code, 0)
})
