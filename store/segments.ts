import { assert } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import type { Disk, DiskFile } from './disk.ts'
import { COMMIT_LOG_FOLDER, positionOf, SIDE_FOLDER, segmentPath } from './layout.ts'
import type { OpenFiles } from './open-files.ts'
import { StoreError } from './store.ts'

const TEMP_FILE = `${SIDE_FOLDER}/next-segment`

/**
 * The files of the commit log: `commitlog/<position of the first byte>`, all of one size. A segment is made beside the log,
 * at full size, and renamed into it when that is durable, so that a file under its final name is always whole. The files
 * being written stay open; readers go through the shared open files.
 */
export class Segments {
  readonly sizeBytes: number
  readonly #disk: Disk
  readonly #files: OpenFiles
  /** Starts of the segments of the log, ascending and without a gap. */
  readonly #starts: LogPosition[] = []
  readonly #expired: LogPosition[] = []
  readonly #writers = new Map<LogPosition, DiskFile>()
  #making: Promise<unknown> = Promise.resolve()

  constructor(disk: Disk, files: OpenFiles, sizeBytes: number) {
    this.#disk = disk
    this.#files = files
    this.sizeBytes = sizeBytes
  }

  /**
   * Finds what exists; files below `begin` are left of a deletion that was interrupted. Returns actual sizes; throws StoreError
   * 'corrupt' for a gap or a size that cannot be.
   */
  async load(log: Log, begin: LogPosition): Promise<ReadonlyMap<LogPosition, number>> {
    const sizes = new Map<LogPosition, number>()
    for (const entry of await this.#disk.list(COMMIT_LOG_FOLDER)) {
      const start = positionOf(entry.name)
      if (start !== undefined && entry.isDirectory)
        throw new StoreError(
          'corrupt',
          `${COMMIT_LOG_FOLDER}/${entry.name} is a folder: restore the log file from a copy`,
        )
      if (start === undefined) {
        log.warn('store.file-ignored', { path: `${COMMIT_LOG_FOLDER}/${entry.name}`, why: 'not a log file' })
        continue
      }
      if (start % this.sizeBytes !== 0 || entry.sizeBytes > this.sizeBytes)
        throw new StoreError(
          'corrupt',
          `${segmentPath(logPosition(start))} has ${entry.sizeBytes} bytes, but mappedFileSizeCommitLog is ${this.sizeBytes}: ` +
            'set that key to the size with which this store was made',
        )
      sizes.set(logPosition(start), entry.sizeBytes)
    }
    this.#starts.push(...[...sizes.keys()].sort((a, b) => a - b))
    this.#expireBelow(begin)
    for (const [index, start] of this.#starts.entries()) {
      const expected = (this.#starts[0] ?? 0) + index * this.sizeBytes
      if (start !== expected)
        throw new StoreError(
          'corrupt',
          `${segmentPath(logPosition(expected))} is missing: the log has a gap before ${segmentPath(start)}. ` +
            'Restore the file from a copy or from a replica',
        )
    }
    return sizes
  }

  get starts(): readonly LogPosition[] {
    return this.#starts
  }

  /** Where the log begins; undefined when there is no file. */
  get first(): LogPosition | undefined {
    return this.#starts[0]
  }

  /** Segments before the start of the log, which are to be deleted. */
  get expired(): readonly LogPosition[] {
    return this.#expired
  }

  /** The log begins at this segment from now on; the files before it go with `dropExpired`. */
  beginAt(start: LogPosition): void {
    assert(this.#starts.includes(start), 'the log begins with a segment that exists')
    this.#expireBelow(start)
  }

  #expireBelow(begin: LogPosition): void {
    const count = this.#starts.findIndex((start) => start >= begin)
    this.#expired.push(...this.#starts.splice(0, count < 0 ? this.#starts.length : count))
  }

  /** One past the last byte of the last file. */
  get end(): LogPosition {
    return logPosition((this.#starts.at(-1) ?? -this.sizeBytes) + this.sizeBytes)
  }

  startOf(position: LogPosition): LogPosition {
    return logPosition(position - (position % this.sizeBytes))
  }

  /** The open file of a segment that is being written, if it is ready. */
  writer(start: LogPosition): DiskFile | undefined {
    return this.#writers.get(start)
  }

  /** Opens the segment for writing, makes it first when it is the next one. Rejects with DiskError. */
  ensureWriter(start: LogPosition): Promise<DiskFile> {
    const work = this.#making.then(async () => {
      const ready = this.#writers.get(start)
      if (ready !== undefined) return ready
      await this.#makeUpTo(start)
      const file = await this.#disk.open(segmentPath(start))
      this.#writers.set(start, file)
      return file
    })
    this.#making = work.catch(() => undefined)
    return work
  }

  /** Makes the segment after the last one in use, so that a roll does not wait for it. Rejects with DiskError. */
  prepare(start: LogPosition): Promise<void> {
    const work = this.#making.then(() => this.#makeUpTo(start))
    this.#making = work.catch(() => undefined)
    return work
  }

  async #makeUpTo(start: LogPosition): Promise<void> {
    if (this.#starts.length === 0) await this.#make(start)
    while (this.end <= start) await this.#make(this.end)
  }

  async #make(start: LogPosition): Promise<void> {
    await this.#place(start)
    this.#starts.push(start)
  }

  /** Makes an empty file beside the log, syncs it and renames it to its place. */
  async #place(start: LogPosition): Promise<void> {
    // After a crash a leftover may be a second name of the file that it was renamed to: it is let go, never written to.
    await this.#disk.unlink(TEMP_FILE)
    const temp = await this.#disk.open(TEMP_FILE, { create: true })
    try {
      await temp.truncate(this.sizeBytes)
      await datasync(temp)
    } finally {
      await temp.close()
    }
    await this.#disk.rename(TEMP_FILE, segmentPath(start))
    await syncFolder(this.#disk, COMMIT_LOG_FOLDER)
  }

  /**
   * Puts new, empty files in the place of the segments that begin at or behind the end of the log. Whatever their old files
   * held, and however doubtful their names were after a failed sync, is gone.
   */
  async renewBehind(end: LogPosition): Promise<void> {
    for (const start of this.#starts) {
      if (start < end) continue
      const writer = this.#writers.get(start)
      this.#writers.delete(start)
      await writer?.close()
      await this.#files.forget(segmentPath(start))
      await this.#place(start)
    }
  }

  /** Closes the files of segments that end at or below the position: all their bytes are synced. */
  async retireWriters(position: LogPosition): Promise<void> {
    for (const [start, file] of [...this.#writers]) {
      if (start + this.sizeBytes > position) continue
      this.#writers.delete(start)
      // All of it is synced: an error on close has nobody left to hear it.
      await file.close().catch(() => undefined)
    }
  }

  /** Reads inside one segment. Resolves to fewer bytes only at the end of a file that is shorter than its size. */
  async read(position: LogPosition, length: number): Promise<Buffer> {
    const start = this.startOf(position)
    assert(position + length <= start + this.sizeBytes, 'a read stays inside one segment')
    const buffer = Buffer.allocUnsafeSlow(length)
    const count = await this.#files.use(segmentPath(start), (file) =>
      file.read(buffer, 0, length, position - start),
    )
    return count === length ? buffer : buffer.subarray(0, count)
  }

  /**
   * Makes everything from `position` on zeros, durably: the rest of its segment and all later ones. Rejects with DiskError
   * when that did not work; it may be called again.
   */
  async clearFrom(position: LogPosition): Promise<void> {
    for (const start of this.#starts) {
      if (start + this.sizeBytes <= position) continue
      const file = await this.ensureWriter(start)
      await file.truncate(Math.max(0, position - start))
      await file.truncate(this.sizeBytes)
      await datasync(file)
    }
  }

  /** Deletes the segments before the start of the log, oldest first. */
  async dropExpired(): Promise<void> {
    for (let start = this.#expired[0]; start !== undefined; start = this.#expired[0]) {
      await this.#files.forget(segmentPath(start))
      await this.#disk.unlink(segmentPath(start))
      await syncFolder(this.#disk, COMMIT_LOG_FOLDER)
      this.#expired.shift()
    }
  }

  async close(): Promise<void> {
    await this.#making
    for (const file of this.#writers.values()) await file.close()
    this.#writers.clear()
  }
}

/**
 * The callback form as a promise, for everything that is not the hot path. Rejects with StoreError 'unknown': what such a file
 * holds on disk is not known any more, and a second datasync could succeed without telling.
 */
export function datasync(file: DiskFile): Promise<void> {
  return new Promise((resolve, reject) =>
    file.datasync((error) => (error ? reject(syncFailure(file.path, error)) : resolve())),
  )
}

/** The same for the names in a folder. */
export async function syncFolder(disk: Disk, path: string): Promise<void> {
  try {
    await disk.syncDirectory(path)
  } catch (error) {
    throw syncFailure(path, error)
  }
}

export const syncFailure = (path: string, error: unknown): StoreError =>
  new StoreError(
    'unknown',
    `sync of ${path} failed (${error instanceof Error ? error.message : String(error)}): the store has stopped, whether the ` +
      'last messages are stored is unknown. Check the disk, then start the broker again',
    { cause: error },
  )

export function writeAll(file: DiskFile, buffers: readonly Uint8Array[], position: number): Promise<void> {
  return new Promise((resolve, reject) =>
    file.write(buffers, position, (error) => (error ? reject(error) : resolve())),
  )
}
