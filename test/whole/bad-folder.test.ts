import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startTestBroker, temporaryFolder } from '../support/broker-fixture.ts'
import { startHonestPair } from '../support/honest-pair.ts'
import { isPlain, Stranger } from '../support/stranger.ts'
import { startWholeCluster } from '../support/whole-cluster.ts'

/** File → hash of its content, all of the folder but the lock and the copies of what could not be read. */
function contentOf(folder: string): Record<string, string> {
  const content: Record<string, string> = {}
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name)
    if (statSync(path).isFile() && !name.startsWith('lock') && !name.includes('quarantine'))
      content[name] = createHash('sha256').update(readFileSync(path)).digest('hex')
  }
  return content
}

/** A data folder with ten messages in it, its broker stopped in order. */
async function filledFolder(t: TestContext): Promise<string> {
  const folder = await temporaryFolder()
  const broker = await startTestBroker(t, { folder })
  const stranger = await Stranger.connect(broker.address)
  for (let count = 0; count < 10; count++) {
    const ext = { a: 'P', b: 'T', c: 'TBW102', d: '4', e: '0' }
    assert.equal((await stranger.ask(310, { ext, body: Buffer.from(`m${count}`) })).code, 0)
  }
  stranger.close()
  await broker.stop()
  return folder
}

async function assertIntact(t: TestContext, folder: string): Promise<void> {
  const broker = await startTestBroker(t, { folder })
  assert.equal(broker.broker.store.queueRange('T', 0).maxOffset, 10)
  await broker.stop()
}

/** The start fails with this text, nothing in the folder is changed, and the folder is free again. */
async function assertRefuses(t: TestContext, folder: string, message: RegExp, text = ''): Promise<void> {
  const before = contentOf(folder)
  await assert.rejects(
    async () => {
      const broker = await startTestBroker(t, { folder, text })
      await broker.stop()
    },
    (error: Error) => {
      assert.match(error.message, message)
      assert(isPlain(error.message), error.message)
      return true
    },
  )
  assert.deepEqual(contentOf(folder), before)
}

test('a data folder that another broker uses is refused by naming the owner, and the other notices nothing', async (t) => {
  const cluster = await startWholeCluster(t)
  const honest = await startHonestPair(t, cluster)
  const folder = cluster.brokers[0]?.folder ?? ''
  for (let attempt = 0; attempt < 3; attempt++)
    await assert.rejects(startTestBroker(t, { folder }), new RegExp(`is in use by .*pid ${process.pid}`))
  await honest.finish()
})

test('the data folder of another broker or cluster is refused and left as it is', async (t) => {
  const folder = await filledFolder(t)
  const right =
    /belongs to broker broker-a of cluster TestCluster, but this is broker .* mount the right folder or set/
  await assertRefuses(t, folder, right, 'brokerName=broker-b')
  await assertRefuses(t, folder, right, 'brokerClusterName=Other')
  await assertIntact(t, folder)
})

test('a data folder of a newer format is refused and left as it is', async (t) => {
  const folder = await filledFolder(t)
  for (const name of ['identity', 'epochs']) {
    const path = join(folder, 'rocketcluster', name)
    const whole = readFileSync(path)
    const [, format = ''] = /^rocketcluster \w+ (\d+) /.exec(whole.toString('latin1')) ?? []
    assert.notEqual(format, '', `${name} says its format`)
    const newer = whole.toString('latin1').replace(/^(rocketcluster \w+) \d+ /, `$1 ${Number(format) + 1} `)
    writeFileSync(path, newer, 'latin1')
    await assertRefuses(
      t,
      folder,
      new RegExp(
        `${name} has format ${Number(format) + 1}, this version of RocketCluster knows up to ${format}`,
      ),
    )
    writeFileSync(path, whole)
  }
  await assertIntact(t, folder)
})

test('a damaged file that says whose log this is stops the start, and so do log files of another size', async (t) => {
  const folder = await filledFolder(t)
  for (const name of ['identity', 'epochs']) {
    const path = join(folder, 'rocketcluster', name)
    const whole = readFileSync(path)
    for (const damaged of [
      Buffer.alloc(0),
      whole.subarray(0, whole.length - 3),
      flipped(whole),
      Buffer.from('x'),
    ]) {
      writeFileSync(path, damaged)
      await assertRefuses(t, folder, new RegExp(`rocketcluster/${name} is damaged`))
    }
    writeFileSync(path, whole)
  }
  await assertRefuses(t, folder, /mappedFileSizeCommitLog/, 'mappedFileSizeCommitLog=524288')
  await assertIntact(t, folder)
})

test('a state file of a newer format or damaged is derived again from the log', async (t) => {
  const folder = await filledFolder(t)
  const path = join(folder, 'rocketcluster', 'state')
  const whole = readFileSync(path)
  const newer = Buffer.from(
    whole.toString('latin1').replace(/^(rocketcluster \w+) \d+ /, '$1 999 '),
    'latin1',
  )
  for (const bad of [newer, flipped(whole), Buffer.alloc(0), Buffer.alloc(5000)]) {
    writeFileSync(path, bad)
    await assertIntact(t, folder)
  }
})

test('tables that cannot be read are taken from their copy, and without one the start stops by naming the file', async (t) => {
  const folder = await filledFolder(t)
  const path = join(folder, 'config', 'topics.json')
  const whole = readFileSync(path)
  for (const damaged of ['', '{', '[]', '{"topicConfigTable":{"T":{"perm":"x"}}}']) {
    writeFileSync(path, damaged)
    writeFileSync(`${path}.bak`, whole)
    await assertIntact(t, folder)
    writeFileSync(path, damaged)
    writeFileSync(`${path}.bak`, damaged)
    await assertRefuses(t, folder, /topics\.json/)
    writeFileSync(path, whole)
  }
  await assertIntact(t, folder)
})

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy[copy.length - 5] = (copy[copy.length - 5] ?? 0) ^ 1
  return copy
}
