import fs from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { assert } from '../base/assert.ts'
import { systemClock } from '../base/clock.ts'
import {
  type Disk,
  type DiskEntry,
  DiskError,
  type DiskFile,
  type DiskLock,
  DiskLockedError,
  type DiskSpace,
} from './disk.ts'

/** SQLite's result code for a lock that somebody else holds. */
const SQLITE_BUSY = 5

/** Real files below one folder of the local file system. */
export class FileDisk implements Disk {
  readonly root: string
  readonly #pace = new WritePace()

  private constructor(root: string) {
    this.root = root
  }

  /** Makes the folder when it is missing. Rejects with DiskError. */
  static async open(root: string): Promise<FileDisk> {
    await attempt(root, fs.promises.mkdir(root, { recursive: true }))
    return new FileDisk(root)
  }

  async open(path: string, options: { readonly create?: boolean } = {}): Promise<DiskFile> {
    const { O_RDWR, O_CREAT } = fs.constants
    const flags = options.create === true ? O_RDWR | O_CREAT : O_RDWR
    const descriptor = await new Promise<number>((resolve, reject) => {
      fs.open(this.#at(path), flags, 0o644, (error, fd) =>
        error ? reject(diskError(error, path)) : resolve(fd),
      )
    })
    return new OpenFile(path, descriptor, this.#pace)
  }

  async list(path: string): Promise<readonly DiskEntry[]> {
    const folder = this.#at(path)
    const names = await fs.promises.readdir(folder).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return []
      throw diskError(error, path)
    })
    const entries = await Promise.all(names.map((name) => this.stat(join(path, name))))
    return entries.filter((entry) => entry !== undefined)
  }

  async stat(path: string): Promise<DiskEntry | undefined> {
    try {
      const found = await fs.promises.stat(this.#at(path))
      return {
        name: path.slice(path.lastIndexOf('/') + 1),
        isDirectory: found.isDirectory(),
        sizeBytes: found.size,
        modifiedAtMs: found.mtimeMs,
      }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw diskError(error, path)
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt(from, fs.promises.rename(this.#at(from), this.#at(to)))
  }

  async unlink(path: string): Promise<void> {
    await attempt(path, fs.promises.rm(this.#at(path), { force: true }))
  }

  async makeDirectory(path: string): Promise<void> {
    await attempt(path, fs.promises.mkdir(this.#at(path), { recursive: true }))
  }

  async removeDirectory(path: string): Promise<void> {
    await attempt(path, fs.promises.rm(this.#at(path), { recursive: true, force: true }))
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await attempt(path, fs.promises.open(this.#at(path), 'r'))
    try {
      await attempt(path, handle.sync())
    } finally {
      await handle.close()
    }
  }

  async space(): Promise<DiskSpace> {
    const found = await attempt('.', fs.promises.statfs(this.root))
    return { totalBytes: found.blocks * found.bsize, freeBytes: found.bavail * found.bsize }
  }

  /**
   * Node offers no file locks, but SQLite takes them: an exclusive transaction on an empty file beside `path` is a POSIX
   * lock that the kernel drops with the process, without the races of a pid file. RocketMQ's own lock is a POSIX lock on
   * the first byte of `path`; we cannot take that one, but the kernel's list tells whether a Java broker holds it.
   */
  async lock(path: string): Promise<DiskLock> {
    const ours = `${path}.rocketcluster`
    await this.makeDirectory(dirname(path))
    const { DatabaseSync: Database } = await import('node:sqlite')
    let database: DatabaseSync
    try {
      database = new Database(this.#at(ours))
      database.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
    } catch (error) {
      if (sqliteCode(error) === SQLITE_BUSY) throw new DiskLockedError(path, await this.#lockOwner(ours))
      throw diskError(error, ours)
    }
    const stranger = await this.#foreignOwner(path)
    if (stranger !== undefined) {
      database.close()
      throw new DiskLockedError(path, stranger)
    }
    return { release: async () => database.close() }
  }

  async #lockOwner(path: string): Promise<string> {
    return (await this.#foreignOwner(path)) ?? 'another process'
  }

  /** Who holds a POSIX lock on the file, from the kernel's list; undefined where nobody does or nothing can be told. */
  async #foreignOwner(path: string): Promise<string | undefined> {
    const found = await fs.promises.stat(this.#at(path)).catch(() => undefined)
    const locks = await readFile('/proc/locks', 'utf8').catch(() => '')
    if (found === undefined || locks === '') return undefined
    for (const line of locks.split('\n')) {
      // 1: POSIX  ADVISORY  WRITE 7532 fe:00:9978057 0 0
      const [, kind, , , pid, place] = line.trim().split(/\s+/)
      if (kind !== 'POSIX' || place === undefined || !isSameFile(place, found)) continue
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
      return `pid ${pid}${name === '' ? '' : ` (${name.trim()})`}`
    }
    return undefined
  }

  #at(path: string): string {
    assert(!path.startsWith('/') && !path.split('/').includes('..'), `${path} leaves the disk`)
    return join(this.root, path)
  }
}

/**
 * Whether a write is handed to the kernel right away. It is a copy into the page cache, some microseconds; a thread of the pool
 * costs three times that in wake-ups. A kernel that makes writers wait (dirty pages beyond its limit, a busy journal) shows
 * itself by one slow write, and then the pool has the waiting for a while.
 */
class WritePace {
  #poolUntilMs = 0

  isDirect(sizeBytes: number): boolean {
    return sizeBytes <= DIRECT_BYTES_MAX && systemClock.monotonicMs() >= this.#poolUntilMs
  }

  took(startedAtMs: number): void {
    const nowMs = systemClock.monotonicMs()
    if (nowMs - startedAtMs > SLOW_WRITE_MS) this.#poolUntilMs = nowMs + POOL_MS
  }
}

/** Copying this much keeps the event loop for less than a tenth of a millisecond. */
const DIRECT_BYTES_MAX = 256 * 1024
const SLOW_WRITE_MS = 4
const POOL_MS = 1000

/** One descriptor. Short writes are continued: the promise of `write` is all or an error. */
class OpenFile implements DiskFile {
  readonly path: string
  readonly #descriptor: number
  readonly #pace: WritePace

  constructor(path: string, descriptor: number, pace: WritePace) {
    this.path = path
    this.#descriptor = descriptor
    this.#pace = pace
  }

  write(buffers: readonly Uint8Array[], position: number, done: (error: Error | undefined) => void): void {
    let expected = 0
    for (const buffer of buffers) expected += buffer.length
    const finished = (error: Error | null, written: number): void => {
      if (error) done(diskError(error, this.path))
      else if (written === expected) done(undefined)
      else if (written === 0) done(new DiskError('EIO', this.path, `${this.path}: nothing was written`))
      else this.write(rest(buffers, written), position + written, done)
    }
    const [first] = buffers
    if (first === undefined || expected === 0) process.nextTick(done, undefined)
    else if (this.#pace.isDirect(expected)) this.#writeDirectly(buffers, position, finished)
    else if (buffers.length === 1) fs.write(this.#descriptor, first, 0, first.length, position, finished)
    else fs.writev(this.#descriptor, buffers as Uint8Array[], position, finished)
  }

  #writeDirectly(
    buffers: readonly Uint8Array[],
    position: number,
    finished: (error: Error | null, written: number) => void,
  ): void {
    const startedAtMs = systemClock.monotonicMs()
    const [first] = buffers
    try {
      const written =
        first !== undefined && buffers.length === 1
          ? fs.writeSync(this.#descriptor, first, 0, first.length, position)
          : fs.writevSync(this.#descriptor, buffers as Uint8Array[], position)
      process.nextTick(finished, null, written)
    } catch (error) {
      process.nextTick(finished, error instanceof Error ? error : new Error(String(error)), 0)
    }
    this.#pace.took(startedAtMs)
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    let total = 0
    while (total < length) {
      const count = await this.#readOnce(buffer, offset + total, length - total, position + total)
      if (count === 0) break
      total += count
    }
    return total
  }

  #readOnce(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#descriptor, buffer, offset, length, position, (error, count) =>
        error ? reject(diskError(error, this.path)) : resolve(count),
      )
    })
  }

  datasync(done: (error: Error | undefined) => void): void {
    fs.fdatasync(this.#descriptor, (error) => done(error ? diskError(error, this.path) : undefined))
  }

  truncate(sizeBytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#descriptor, sizeBytes, (error) =>
        error ? reject(diskError(error, this.path)) : resolve(),
      )
    })
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#descriptor, (error, found) =>
        error ? reject(diskError(error, this.path)) : resolve(found.size),
      )
    })
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.close(this.#descriptor, (error) => (error ? reject(diskError(error, this.path)) : resolve()))
    })
  }
}

/** What is left of the buffers after the first `count` bytes. */
function rest(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const left: Uint8Array[] = []
  let skip = count
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length
    else {
      left.push(buffer.subarray(skip))
      skip = 0
    }
  }
  return left
}

/** `fe:00:9978057` in the kernel's list is major and minor device number (hexadecimal) and the inode. */
function isSameFile(place: string, found: fs.Stats): boolean {
  const [major = '', minor = '', inode = ''] = place.split(':')
  const device = BigInt(found.dev)
  const majorOf = Number((device >> 8n) & 0xfffn)
  const minorOf = Number((device & 0xffn) | ((device >> 12n) & 0xfff00n))
  return (
    Number.parseInt(major, 16) === majorOf &&
    Number.parseInt(minor, 16) === minorOf &&
    inode === String(found.ino)
  )
}

async function attempt<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw diskError(error, path)
  }
}

function diskError(error: unknown, path: string): DiskError {
  const message = error instanceof Error ? error.message : String(error)
  return new DiskError(codeOf(error) ?? 'EIO', path, `${path}: ${message}`, { cause: error })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined
}
