import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DataFolder } from '../../local/data-folder.ts'
import { LogFile } from '../../local/log-file.ts'
import { temporaryFolder } from '../support/commands.ts'

test('a folder whose owner was killed is free', () => {
  using folder = temporaryFolder()
  for (const owner of ['999999999\n', '', 'x', `${process.ppid}\n`]) {
    // The parent of a test is no rocketcluster: a number that went to somebody else.
    writeFileSync(join(folder.path, 'up.pid'), owner)
    DataFolder.take(folder.path).release()
  }
})

test('a log file keeps its newest lines and puts a long past aside', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'logs', 'x.log')
  const log = new LogFile(path)
  writeFileSync(path, 'one\ntwo\n\nthree\n', { flag: 'a' })
  assert.deepEqual(log.lastLines(2), ['two', 'three'])
  assert.deepEqual(log.lastLines(9, 8), ['three'])
  log.tick()
  assert.equal(log.sizeBytes, 15)
  writeFileSync(path, `${'x'.repeat(17 * 1024 * 1024)}\n`, { flag: 'a' })
  log.tick()
  assert.equal(log.sizeBytes, 0)
  writeFileSync(path, 'after\n', { flag: 'a' })
  assert.deepEqual(log.lastLines(5), ['after'])
  assert.equal(new LogFile(`${path}.1`).sizeBytes, 15 + 17 * 1024 * 1024 + 1)
  log.close()
})
