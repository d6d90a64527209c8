import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDisk } from '../../store/memory-disk.ts'
import { MemoryTree } from '../../store/memory-tree.ts'
import { CrashWalk } from '../support/crash-images.ts'
import { seededRandom } from '../support/random.ts'

const write = (disk: MemoryDisk, path: string, text: string, position = 0): Promise<void> =>
  new Promise((resolve, reject) => {
    disk
      .open(path, { create: true })
      .then((file) =>
        file.write([Buffer.from(text)], position, (error) => (error ? reject(error) : resolve())),
      )
  })
const sync = (disk: MemoryDisk, path: string): Promise<boolean> =>
  new Promise((resolve) => {
    disk.open(path).then((file) => file.datasync((error) => resolve(error === undefined)))
  })

/** Every content that a file may have after a crash at the end of the record; `absent` when it has no name. */
function contents(disk: MemoryDisk, path: string, images: 'power' | 'kill' = 'power'): Set<string> {
  const walk = new CrashWalk(new MemoryTree(), disk.record)
  while (!walk.isAtEnd) walk.step()
  const random = seededRandom(1)
  const found = new Set<string>()
  for (const { tree } of images === 'power' ? walk.images(random, 1000) : walk.killImages(random, 10)) {
    const file = tree.file(tree.find(path.split('/')) ?? -1)
    found.add(file === undefined ? 'absent' : file.content.bytes().toString('latin1'))
  }
  return found
}

test('what was never synced may be there or not, also in part', async () => {
  const disk = new MemoryDisk()
  await write(disk, 'a', 'first')
  const found = contents(disk, 'a')
  assert.ok(found.has('absent') && found.has('first') && found.has(''))
  assert.ok(found.has('f') && found.has('f\0\0\0\0'), 'torn after the first byte')
  assert.deepEqual(contents(disk, 'a', 'kill'), new Set(['first']))
})

test('what a file sync and a folder sync vouch for is in every image', async () => {
  const disk = new MemoryDisk()
  await write(disk, 'a', 'first')
  await sync(disk, 'a')
  assert.ok(contents(disk, 'a').has('absent'), 'the bytes are safe, the name is not')
  await disk.syncDirectory('.')
  assert.deepEqual(contents(disk, 'a'), new Set(['first']))
  await write(disk, 'a', 'F')
  assert.deepEqual(contents(disk, 'a'), new Set(['first', 'First']))
})

test('a sync covers only what completed before it was issued', async () => {
  const held: (() => void)[] = []
  const disk = new MemoryDisk({
    schedule: (run, { kind }) => {
      if (kind === 'datasync') held.push(run)
      else queueMicrotask(run)
    },
  })
  await write(disk, 'a', '1')
  await disk.syncDirectory('.')
  const file = await disk.open('a')
  const synced = new Promise<void>((resolve) => file.datasync(() => resolve()))
  await write(disk, 'a', '2', 1)
  held[0]?.()
  await synced
  assert.deepEqual(contents(disk, 'a'), new Set(['1', '12', '1\0']))
})

test('after a failed sync a later one vouches for what came later only', async () => {
  const disk = new MemoryDisk()
  await write(disk, 'a', 'ab')
  await sync(disk, 'a')
  await disk.syncDirectory('.')
  await write(disk, 'a', 'X')
  disk.fail({ kind: 'datasync', ordinal: 1, code: 'EIO' })
  assert.equal(await sync(disk, 'a'), false)
  assert.deepEqual(contents(disk, 'a'), new Set(['ab', 'Xb']))
  await write(disk, 'a', 'Y', 1)
  assert.equal(await sync(disk, 'a'), true)
  assert.deepEqual(contents(disk, 'a'), new Set(['aY']))
  assert.deepEqual(contents(disk, 'a', 'kill'), new Set(['XY']))
})

test('a rename without a folder sync is done or not, never half', async () => {
  const disk = new MemoryDisk()
  await disk.makeDirectory('d')
  await write(disk, 'a', 'new')
  await write(disk, 'd/b', 'old')
  for (const path of ['a', 'd/b']) await sync(disk, path)
  for (const path of ['.', 'd']) await disk.syncDirectory(path)
  await disk.rename('a', 'd/b')
  assert.deepEqual(contents(disk, 'd/b'), new Set(['old', 'new']))
  assert.deepEqual(contents(disk, 'a'), new Set(['new', 'absent']))
  await disk.syncDirectory('d')
  assert.deepEqual(contents(disk, 'd/b'), new Set(['new']))
  assert.deepEqual(contents(disk, 'a'), new Set(['absent']))
})

test('the same seed gives the same images', async () => {
  const disk = new MemoryDisk()
  for (let count = 0; count < 6; count++) await write(disk, `f${count % 2}`, `text ${count}`, count * 500)
  const texts = [1, 2].map(() => {
    const walk = new CrashWalk(new MemoryTree(), disk.record)
    while (!walk.isAtEnd) walk.step()
    return [...walk.images(seededRandom(5), 30)].map(({ what, tree }) => `${what} ${tree.fingerprint()}`)
  })
  assert.deepEqual(texts[0], texts[1])
  assert.equal(texts[0]?.length, 30)
})

test('a file made after the crash has nothing of one that lost its name', async () => {
  const disk = new MemoryDisk()
  await write(disk, 'a', 'lost')
  await sync(disk, 'a')
  const walk = new CrashWalk(new MemoryTree(), disk.record)
  while (!walk.isAtEnd) walk.step()
  const [nothing] = walk.images(seededRandom(1), 1)
  assert.ok(nothing)
  assert.equal(nothing.what, 'nothing unsynced (1 unsynced)')
  const after = new MemoryDisk({ tree: nothing.tree })
  const file = await after.open('b', { create: true })
  assert.equal(await file.size(), 0)
})
