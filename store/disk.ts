/**
 * All bytes on disk go through this interface. Two implementations: FileDisk (real files, file-disk.ts) and MemoryDisk
 * (memory-disk.ts), which records every operation and can lose, tear, reorder and fail them. Paths are relative to the
 * disk's root, `/` separated. No other room may import node:fs (tests, bin/ and local/ aside).
 *
 * Promises of an implementation: a write that called back without error is seen by every later read; it is durable
 * only after a datasync of the same file called back without error. create, rename and unlink are durable only after
 * syncDirectory of the parent. Nothing is retried inside.
 */
export interface Disk {
  /** Open for reading and writing. Rejects with DiskError code ENOENT when absent and `create` is not set. */
  open(path: string, options?: { readonly create?: boolean }): Promise<DiskFile>
  /** Entries of a folder, in no order; an absent folder has none. */
  list(path: string): Promise<readonly DiskEntry[]>
  stat(path: string): Promise<DiskEntry | undefined>
  /** Replaces `to` when it exists. */
  rename(from: string, to: string): Promise<void>
  /** An absent file is not an error. */
  unlink(path: string): Promise<void>
  /** With parents; an existing folder is not an error. */
  makeDirectory(path: string): Promise<void>
  /** With everything in it; an absent folder is not an error. */
  removeDirectory(path: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  /** Of the file system that holds the root. */
  space(): Promise<DiskSpace>
  /** Takes the folder for this process alone; rejects with DiskLockedError naming the owner. Freed by a crash. */
  lock(path: string): Promise<DiskLock>
}

export interface DiskFile {
  readonly path: string
  /**
   * Writes the buffers back to back at `position`. Exactly one call of `done`, never before `write` returned.
   * The buffers must not change until then. On error an unknown part may have been written.
   */
  write(buffers: readonly Uint8Array[], position: number, done: (error: Error | undefined) => void): void
  /** Resolves to the number of bytes read: less than `length` only at the end of the file. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>
  datasync(done: (error: Error | undefined) => void): void
  /** Grows with zeros (sparse where possible) or cuts. */
  truncate(sizeBytes: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

export interface DiskEntry {
  readonly name: string
  readonly isDirectory: boolean
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

export interface DiskSpace {
  readonly totalBytes: number
  /** Available to us, not to root alone. */
  readonly freeBytes: number
}

export interface DiskLock {
  release(): Promise<void>
}

/** An operation failed. `code` is the errno name: ENOENT, ENOSPC, EIO, EACCES, EMFILE … */
export class DiskError extends Error {
  override name = 'DiskError'
  readonly code: string
  readonly path: string

  constructor(code: string, path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.path = path
  }
}

export class DiskLockedError extends DiskError {
  override name = 'DiskLockedError'
  /** Who holds it, as far as can be told: `pid 4711 (node)`. */
  readonly owner: string

  constructor(path: string, owner: string) {
    super('ELOCKED', path, `${path} is in use by ${owner}`)
    this.owner = owner
  }
}
