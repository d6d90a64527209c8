import type { Disk, DiskFile } from '../../store/disk.ts'
import type { MemoryDisk } from '../../store/memory-disk.ts'

/**
 * Faults in the store that the suite has to find, made by lying to it about its disk. The store is the real one, what it
 * gets is a disk on which it behaves as if it had the fault.
 */
export interface Mutant {
  readonly name: string
  /** Where it lives: in the store that runs the workload, or in the one that recovers. */
  readonly at: 'run' | 'recovery' | 'faults'
  readonly wrap: (disk: MemoryDisk) => Disk
}

type Done = (error: Error | undefined) => void

/** A disk whose files are changed by `change`; everything else goes through. */
function withFiles(disk: MemoryDisk, change: (file: DiskFile) => Partial<DiskFile>): Disk {
  return {
    open: async (path, options) => {
      const file = await disk.open(path, options)
      return { ...passing(file), ...change(file) }
    },
    list: (path) => disk.list(path),
    stat: (path) => disk.stat(path),
    rename: (from, to) => disk.rename(from, to),
    unlink: (path) => disk.unlink(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    removeDirectory: (path) => disk.removeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    space: () => disk.space(),
    lock: (path) => disk.lock(path),
  }
}

const passing = (file: DiskFile): DiskFile => ({
  path: file.path,
  write: (buffers, position, done) => file.write(buffers, position, done),
  read: (buffer, offset, length, position) => file.read(buffer, offset, length, position),
  datasync: (done) => file.datasync(done),
  truncate: (sizeBytes) => file.truncate(sizeBytes),
  size: () => file.size(),
  close: () => file.close(),
})

const isLog = (file: DiskFile): boolean => file.path.startsWith('commitlog/')
const isMark = (file: DiskFile): boolean => file.path.startsWith('rocketcluster/')

/** Acknowledges first, writes when the loop comes round; a close waits for it as a kernel would. */
function eagerly(file: DiskFile): Partial<DiskFile> {
  const late = new Set<Promise<void>>()
  return {
    write: (buffers, position, done) => {
      const copies = buffers.map((buffer) => new Uint8Array(buffer))
      queueMicrotask(() => done(undefined))
      const work = new Promise<void>((resolve) => {
        setImmediate(() => file.write(copies, position, () => resolve()))
      })
      late.add(work)
      void work.then(() => late.delete(work))
    },
    datasync: (done) => {
      void Promise.all(late).then(() => file.datasync(done))
    },
    close: async () => {
      await Promise.all(late)
      await file.close()
    },
  }
}

const skipped = (done: Done): void => queueMicrotask(() => done(undefined))

/** The log is synced only after the mark that vouches for it was. */
function markFirst(disk: MemoryDisk): Disk {
  let owed: (() => Promise<void>)[] = []
  return withFiles(disk, (file) => {
    if (isLog(file))
      return {
        datasync: (done) => {
          owed.push(() => new Promise((resolve) => file.datasync(() => resolve())))
          skipped(done)
        },
        close: async () => {
          const work = owed
          owed = []
          for (const sync of work) await sync()
          await file.close()
        },
      }
    if (!isMark(file)) return {}
    return {
      datasync: (done) =>
        file.datasync((error) => {
          const work = owed
          owed = []
          void Promise.all(work.map((sync) => sync())).then(() => done(error))
        }),
    }
  })
}

export const mutants: readonly Mutant[] = [
  {
    name: 'acknowledges before the write completed',
    at: 'run',
    wrap: (disk) => withFiles(disk, (file) => (isLog(file) ? eagerly(file) : {})),
  },
  {
    name: 'skips the datasync of the log',
    at: 'run',
    wrap: (disk) => withFiles(disk, (file) => (isLog(file) ? { datasync: skipped } : {})),
  },
  { name: 'syncs the watermark before the data', at: 'run', wrap: markFirst },
  {
    name: 'does not sync folders',
    at: 'run',
    wrap: (disk) => ({ ...withFiles(disk, () => ({})), syncDirectory: async () => undefined }),
  },
  {
    name: 'leaves the bytes behind the cut as they are',
    at: 'recovery',
    wrap: (disk) =>
      withFiles(disk, (file) =>
        isLog(file)
          ? {
              truncate: async () => undefined,
              write: (buffers, position, done) => {
                if (buffers.every((buffer) => buffer.every((byte) => byte === 0))) skipped(done)
                else file.write(buffers, position, done)
              },
            }
          : {},
      ),
  },
  {
    name: 'takes a failed datasync for a good one',
    at: 'faults',
    wrap: (disk) => withFiles(disk, (file) => ({ datasync: (done) => file.datasync(() => done(undefined)) })),
  },
  {
    name: 'takes a failed write for a good one',
    at: 'faults',
    wrap: (disk) =>
      withFiles(disk, (file) =>
        isLog(file)
          ? { write: (buffers, position, done) => file.write(buffers, position, () => done(undefined)) }
          : {},
      ),
  },
]
