import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Disk, DiskError, type DiskFile, DiskLockedError } from '../../store/disk.ts'
import { FileDisk } from '../../store/file-disk.ts'
import { MemoryDisk } from '../../store/memory-disk.ts'

/** Every implementation of Disk passes the same suite. `use` gives a fresh one and clears up behind it. */
const implementations: readonly {
  readonly name: string
  readonly use: (work: (disk: Disk) => Promise<void>) => Promise<void>
}[] = [
  {
    name: 'FileDisk',
    use: async (work) => {
      const root = await mkdtemp(join(tmpdir(), 'rocketcluster-disk-'))
      try {
        await work(await FileDisk.open(root))
      } finally {
        await rm(root, { recursive: true, force: true })
      }
    },
  },
  { name: 'MemoryDisk', use: (work) => work(new MemoryDisk()) },
]

const write = (file: DiskFile, buffers: readonly Uint8Array[], position: number): Promise<void> =>
  new Promise((resolve, reject) =>
    file.write(buffers, position, (error) => (error ? reject(error) : resolve())),
  )
const datasync = (file: DiskFile): Promise<void> =>
  new Promise((resolve, reject) => file.datasync((error) => (error ? reject(error) : resolve())))

async function contents(file: DiskFile): Promise<Buffer> {
  const size = await file.size()
  const buffer = Buffer.alloc(size)
  assert.equal(await file.read(buffer, 0, size, 0), size)
  return buffer
}

async function withFile(disk: Disk, path: string, work: (file: DiskFile) => Promise<void>): Promise<void> {
  const file = await disk.open(path, { create: true })
  try {
    await work(file)
  } finally {
    await file.close()
  }
}

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof DiskError && error.code === code

for (const { name, use } of implementations) {
  describe(name, () => {
    test('an absent file is not opened unless it may be created', () =>
      use(async (disk) => {
        await assert.rejects(disk.open('a'), hasCode('ENOENT'))
        await (await disk.open('a', { create: true })).close()
        await (await disk.open('a')).close()
        await assert.rejects(disk.open('none/a', { create: true }), hasCode('ENOENT'))
      }))

    test('opening with create leaves an existing file as it is', () =>
      use(async (disk) => {
        await withFile(disk, 'a', (file) => write(file, [Buffer.from('kept')], 0))
        await withFile(disk, 'a', async (file) => assert.equal((await contents(file)).toString(), 'kept'))
      }))

    test('buffers are written back to back, and a gap reads as zeros', () =>
      use((disk) =>
        withFile(disk, 'a', async (file) => {
          await write(file, [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cde')], 3)
          assert.deepEqual(await contents(file), Buffer.from('\0\0\0abcde'))
          await write(file, [Buffer.from('X')], 4)
          assert.deepEqual(await contents(file), Buffer.from('\0\0\0aXcde'))
        }),
      ))

    test('a write of nothing completes, and never before write returned', () =>
      use((disk) =>
        withFile(disk, 'a', async (file) => {
          for (const buffers of [[], [Buffer.alloc(0)], [Buffer.from('a')]]) {
            let hasReturned = false
            const completed = new Promise<boolean>((resolve) =>
              file.write(buffers, 0, () => resolve(hasReturned)),
            )
            hasReturned = true
            assert.equal(await completed, true)
          }
          let hasReturned = false
          const synced = new Promise<boolean>((resolve) => file.datasync(() => resolve(hasReturned)))
          hasReturned = true
          assert.equal(await synced, true)
        }),
      ))

    test('many buffers in one write arrive in order', () =>
      use((disk) =>
        withFile(disk, 'a', async (file) => {
          const buffers = Array.from({ length: 3000 }, (_, index) => Buffer.from(`${index},`))
          await write(file, buffers, 0)
          assert.deepEqual(await contents(file), Buffer.concat(buffers))
        }),
      ))

    test('a read ends at the end of the file and leaves the rest of the buffer alone', () =>
      use((disk) =>
        withFile(disk, 'a', async (file) => {
          await write(file, [Buffer.from('abc')], 0)
          const buffer = Buffer.from('........')
          assert.equal(await file.read(buffer, 2, 5, 1), 2)
          assert.equal(buffer.toString(), '..bc....')
          assert.equal(await file.read(buffer, 0, 4, 3), 0)
          assert.equal(await file.read(buffer, 0, 4, 999), 0)
        }),
      ))

    test('truncate cuts, and growing again shows zeros', () =>
      use((disk) =>
        withFile(disk, 'a', async (file) => {
          await write(file, [Buffer.alloc(10_000, 7)], 0)
          await file.truncate(5000)
          assert.equal(await file.size(), 5000)
          await file.truncate(9000)
          const bytes = await contents(file)
          assert.equal(bytes.length, 9000)
          assert.ok(bytes.subarray(0, 5000).every((byte) => byte === 7))
          assert.ok(bytes.subarray(5000).every((byte) => byte === 0))
        }),
      ))

    test('two handles of one file see each other, and datasync works on either', () =>
      use((disk) =>
        withFile(disk, 'a', (one) =>
          withFile(disk, 'a', async (two) => {
            await write(one, [Buffer.from('abc')], 0)
            await datasync(two)
            assert.equal((await contents(two)).toString(), 'abc')
          }),
        ),
      ))

    test('folders are made with their parents, twice if need be, and listed', () =>
      use(async (disk) => {
        await disk.makeDirectory('x/y/z')
        await disk.makeDirectory('x/y/z')
        await withFile(disk, 'x/y/file', (file) => write(file, [Buffer.from('abc')], 0))
        const entries = [...(await disk.list('x/y'))].sort((a, b) => (a.name < b.name ? -1 : 1))
        assert.deepEqual(
          entries.map(({ name, isDirectory }) => ({ name, isDirectory })),
          [
            { name: 'file', isDirectory: false },
            { name: 'z', isDirectory: true },
          ],
        )
        assert.equal(entries[0]?.sizeBytes, 3)
        assert.deepEqual(await disk.list('none/at/all'), [])
        assert.deepEqual(await disk.list('x/y/z'), [])
      }))

    test('a file in the way of a folder is an error', () =>
      use(async (disk) => {
        await withFile(disk, 'a', async () => undefined)
        await assert.rejects(disk.makeDirectory('a'), DiskError)
        await assert.rejects(disk.makeDirectory('a/b'), DiskError)
        await disk.makeDirectory('d')
        await assert.rejects(disk.open('d'), hasCode('EISDIR'))
      }))

    test('stat tells size and kind, and nothing about what is absent', () =>
      use(async (disk) => {
        await disk.makeDirectory('d')
        await withFile(disk, 'd/a', (file) => write(file, [Buffer.from('abcd')], 0))
        const found = await disk.stat('d/a')
        assert.equal(found?.name, 'a')
        assert.equal(found?.sizeBytes, 4)
        assert.equal(found?.isDirectory, false)
        assert.equal((await disk.stat('d'))?.isDirectory, true)
        assert.equal(await disk.stat('d/none'), undefined)
      }))

    test('rename moves between folders and replaces what is there', () =>
      use(async (disk) => {
        await disk.makeDirectory('d')
        await withFile(disk, 'a', (file) => write(file, [Buffer.from('new')], 0))
        await withFile(disk, 'd/b', (file) => write(file, [Buffer.from('old one')], 0))
        await disk.rename('a', 'd/b')
        assert.equal(await disk.stat('a'), undefined)
        await withFile(disk, 'd/b', async (file) => assert.equal((await contents(file)).toString(), 'new'))
        await assert.rejects(disk.rename('a', 'b'), hasCode('ENOENT'))
        await disk.rename('d', 'e')
        assert.equal((await disk.stat('e/b'))?.sizeBytes, 3)
      }))

    test('unlink takes the name only: an open file stays readable', () =>
      use(async (disk) => {
        await withFile(disk, 'a', async (file) => {
          await write(file, [Buffer.from('abc')], 0)
          await disk.unlink('a')
          assert.equal(await disk.stat('a'), undefined)
          assert.equal((await contents(file)).toString(), 'abc')
        })
        await disk.unlink('a')
      }))

    test('removeDirectory takes everything below, and an absent folder is no error', () =>
      use(async (disk) => {
        await disk.makeDirectory('d/e')
        await withFile(disk, 'd/e/a', (file) => write(file, [Buffer.from('abc')], 0))
        await disk.removeDirectory('d')
        await disk.removeDirectory('d')
        assert.equal(await disk.stat('d'), undefined)
      }))

    test('syncDirectory works on the root and on folders, not on what is absent', () =>
      use(async (disk) => {
        await disk.makeDirectory('d')
        await disk.syncDirectory('d')
        await disk.syncDirectory('.')
        await assert.rejects(disk.syncDirectory('none'), hasCode('ENOENT'))
      }))

    test('the space is that of a file system', () =>
      use(async (disk) => {
        const { totalBytes, freeBytes } = await disk.space()
        assert.ok(totalBytes > 0 && freeBytes >= 0 && freeBytes <= totalBytes)
      }))

    test('a lock is for one holder until it is released', () =>
      use(async (disk) => {
        const lock = await disk.lock('lock')
        await assert.rejects(
          disk.lock('lock'),
          (error) => error instanceof DiskLockedError && error.code === 'ELOCKED' && error.owner !== '',
        )
        await lock.release()
        await (await disk.lock('lock')).release()
      }))

    test('a path that leaves the disk is refused', () =>
      use(async (disk) => {
        for (const path of ['../a', '/etc/passwd', 'a/../../b'])
          await assert.rejects(async () => disk.open(path, { create: true }), /leaves the disk/)
      }))
  })
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    at: fc.nat(20_000),
    size: fc.nat(9000),
    fill: fc.nat(255),
  }),
  fc.record({ kind: fc.constant('truncate' as const), at: fc.nat(30_000), size: fc.nat(1), fill: fc.nat(1) }),
)

test('real files and memory hold the same bytes after any writes and truncates', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const results: Buffer[] = []
      for (const { use } of implementations)
        await use((disk) =>
          withFile(disk, 'a', async (file) => {
            for (const { kind, at, size, fill } of steps) {
              if (kind === 'truncate') await file.truncate(at)
              else await write(file, [Buffer.alloc(size, fill), Buffer.alloc(3, fill + 1)], at)
            }
            results.push(await contents(file))
          }),
        )
      assert.deepEqual(results[0], results[1])
    }),
    { numRuns: 60 },
  )
})
