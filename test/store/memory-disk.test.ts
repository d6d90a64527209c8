import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError, type DiskFile } from '../../store/disk.ts'
import { MemoryDisk } from '../../store/memory-disk.ts'
import { MemoryTree } from '../../store/memory-tree.ts'

const write = (file: DiskFile, bytes: Uint8Array, position: number): Promise<void> =>
  new Promise((resolve, reject) =>
    file.write([bytes], position, (error) => (error ? reject(error) : resolve())),
  )
const datasync = (file: DiskFile): Promise<void> =>
  new Promise((resolve, reject) => file.datasync((error) => (error ? reject(error) : resolve())))
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    return error instanceof DiskError ? error.code : String(error)
  }
}

test('the record replayed on a copy of the start gives the same disk', async () => {
  const start = new MemoryTree()
  const disk = new MemoryDisk({ tree: start.fork() })
  await disk.makeDirectory('a/b')
  const file = await disk.open('a/b/x', { create: true })
  await write(file, Buffer.alloc(10_000, 3), 5)
  await file.truncate(4100)
  await file.truncate(9000)
  await disk.rename('a/b/x', 'a/y')
  await write(file, Buffer.from('after the rename'), 4098)
  await (await disk.open('a/z', { create: true })).close()
  await disk.removeDirectory('a/b')
  const copy = start.fork()
  for (const entry of disk.record)
    if (entry.kind === 'changes') for (const change of entry.changes) copy.apply(change)
  assert.equal(copy.fingerprint(), disk.tree.fingerprint())
  assert.notEqual(start.fingerprint(), disk.tree.fingerprint())
})

test('a fork and its origin do not see each other change', async () => {
  const disk = new MemoryDisk()
  const file = await disk.open('x', { create: true })
  await write(file, Buffer.from('same'), 0)
  const before = disk.tree.fork()
  const fingerprint = before.fingerprint()
  await write(file, Buffer.from('else'), 0)
  const after = disk.tree.fork()
  const other = new MemoryDisk({ tree: before })
  await write(await other.open('x'), Buffer.from('SAME'), 0)
  assert.notEqual(before.fingerprint(), fingerprint)
  assert.equal(after.file(1)?.content.bytes().toString(), 'else')
  assert.equal(disk.tree.fingerprint(), after.fingerprint())
})

test('a sync remembers what was recorded when it was issued, not when it completed', async () => {
  const waiting: (() => void)[] = []
  let isHolding = false
  const disk = new MemoryDisk({
    schedule: (run, { kind }) => {
      if (isHolding && kind === 'datasync') waiting.push(run)
      else queueMicrotask(run)
    },
  })
  const file = await disk.open('x', { create: true })
  await write(file, Buffer.from('a'), 0)
  isHolding = true
  const synced = datasync(file)
  await write(file, Buffer.from('b'), 1)
  waiting[0]?.()
  await synced
  disk.mark('ack')
  const [created, first, second, sync, mark] = disk.record
  assert.deepEqual(
    [created?.kind, first?.kind, second?.kind, sync?.kind, mark?.kind],
    ['changes', 'changes', 'changes', 'sync', 'mark'],
  )
  assert.equal(sync?.kind === 'sync' ? sync.issuedAt : -1, 2)
})

test('faults hit the ordinal they name, and a short write leaves its first bytes', async () => {
  const disk = new MemoryDisk()
  const file = await disk.open('x', { create: true })
  disk.fail({ kind: 'write', ordinal: 2, code: 'ENOSPC', writtenBytes: 2 })
  disk.fail({ kind: 'datasync', ordinal: 1, count: 2, code: 'EIO' })
  disk.fail({
    kind: 'read',
    ordinal: 1,
    count: Number.POSITIVE_INFINITY,
    code: 'EIO',
    matches: (path) => path === 'x',
  })
  assert.equal(await codeOf(write(file, Buffer.from('abc'), 0)), 'none')
  assert.equal(await codeOf(write(file, Buffer.from('ABC'), 0)), 'ENOSPC')
  assert.equal(await codeOf(write(file, Buffer.from('d'), 3)), 'none')
  assert.equal(await codeOf(datasync(file)), 'EIO')
  assert.equal(await codeOf(datasync(file)), 'EIO')
  assert.equal(await codeOf(datasync(file)), 'none')
  assert.equal(await codeOf(file.read(Buffer.alloc(4), 0, 4, 0)), 'EIO')
  disk.heal()
  const bytes = Buffer.alloc(4)
  await file.read(bytes, 0, 4, 0)
  assert.equal(bytes.toString(), 'ABcd')
  assert.equal(disk.count('write'), 3)
  assert.deepEqual(
    disk.record.flatMap((entry) => (entry.kind === 'sync' ? [entry.isFailed] : [])),
    [true, true, false],
  )
})

test('a full disk refuses what does not fit, holes take no room, and space that comes back is used', async () => {
  const disk = new MemoryDisk({ capacityBytes: 3 * 4096 })
  const file = await disk.open('x', { create: true })
  await file.truncate(1_000_000)
  await write(file, Buffer.alloc(8192, 1), 0)
  assert.equal((await disk.space()).freeBytes, 4096)
  assert.equal(await codeOf(write(file, Buffer.alloc(8192, 1), 8192)), 'ENOSPC')
  assert.equal(await codeOf(write(file, Buffer.alloc(8192, 2), 0)), 'none')
  disk.capacityBytes *= 2
  assert.equal(await codeOf(write(file, Buffer.alloc(8192, 1), 8192)), 'none')
})

test('a buffer that changes while it is written is a bug of the caller and does not go unseen', async () => {
  const runs: (() => void)[] = []
  const disk = new MemoryDisk({
    schedule: (run, { kind }) => (kind === 'write' ? runs.push(run) : queueMicrotask(run)),
  })
  const file = await disk.open('x', { create: true })
  const buffer = Buffer.from('abc')
  file.write([buffer], 0, () => undefined)
  buffer[0] = 0
  assert.throws(() => runs[0]?.(), /a buffer was changed/)
})

test('a file is not used after close, nor closed while it is in use', async () => {
  const disk = new MemoryDisk()
  const file = await disk.open('x', { create: true })
  file.datasync(() => undefined)
  await assert.rejects(file.close(), /in use/)
  await file.close()
  assert.throws(() => file.datasync(() => undefined), /after it was closed/)
})

test('after the power went off nothing takes effect and nothing completes', async () => {
  const disk = new MemoryDisk()
  const file = await disk.open('x', { create: true })
  let isDone = false
  file.write([Buffer.from('a')], 0, () => {
    isDone = true
  })
  disk.powerOff()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isDone, false)
  assert.equal(disk.tree.file(1)?.content.sizeBytes, 0)
})
