import { assert } from '../base/assert.ts'
import {
  type Disk,
  type DiskEntry,
  DiskError,
  type DiskFile,
  type DiskLock,
  DiskLockedError,
  type DiskSpace,
} from './disk.ts'
import {
  type Fault,
  FaultPlan,
  type Operation,
  type OperationKind,
  type RecordEntry,
} from './memory-record.ts'
import { type Change, type FileNode, MemoryTree, ROOT_NODE } from './memory-tree.ts'

const DEFAULT_CAPACITY_BYTES = 2 ** 40

export interface MemoryDiskOptions {
  /** What is on the disk. Taken over, not copied: fork it when it is needed again. */
  readonly tree?: MemoryTree
  /**
   * Runs each operation's effect and completion, now or later but never before it returned; a test that keeps them in a
   * list decides about order and delay. Default: as soon as the caller's code has returned.
   */
  readonly schedule?: (run: () => void, operation: Operation) => void
  readonly capacityBytes?: number
  /** For modification times. */
  readonly nowMs?: () => number
  readonly isRecording?: boolean
  /** Goes on with the record of another disk. */
  readonly record?: RecordEntry[]
  /** Faults that are set, and the count of operations so far. */
  readonly faults?: FaultPlan
  /** Sees what every read returns and may change it: bit rot that a checksum has to find. */
  readonly onRead?: (path: string, position: number, bytes: Uint8Array) => void
}

/**
 * A disk in memory for tests: deterministic, records what happens, fails where it is told to. Holds its callers to the
 * contract: buffers that change while they are written, files used after close and a second lock are errors.
 */
export class MemoryDisk implements Disk {
  readonly tree: MemoryTree
  readonly record: RecordEntry[]
  capacityBytes: number
  readonly #schedule: (run: () => void, operation: Operation) => void
  readonly #nowMs: () => number
  readonly #isRecording: boolean
  readonly #options: MemoryDiskOptions
  readonly #faults: FaultPlan
  readonly #locks = new Set<string>()
  #isOff = false

  constructor(options: MemoryDiskOptions = {}) {
    this.tree = options.tree ?? new MemoryTree()
    this.capacityBytes = options.capacityBytes ?? DEFAULT_CAPACITY_BYTES
    this.#schedule = options.schedule ?? ((run) => queueMicrotask(run))
    this.#nowMs = options.nowMs ?? (() => 0)
    this.#isRecording = options.isRecording ?? true
    this.record = options.record ?? []
    this.#faults = options.faults ?? new FaultPlan()
    this.#options = options
  }

  /** Puts a remark into the record, between the operations before and after it. */
  mark(value: unknown): void {
    if (this.#isRecording) this.record.push({ kind: 'mark', value })
  }

  fail(fault: Fault): void {
    this.#faults.add(fault)
  }

  heal(): void {
    this.#faults.clear()
  }

  /** Operations of a kind issued so far: the ordinals that a fault sweep goes through. */
  count(kind: OperationKind): number {
    return this.#faults.count(kind)
  }

  /** From now on nothing takes effect and nothing completes: the process that used this disk is gone. */
  powerOff(): void {
    this.#isOff = true
  }

  /**
   * The process is killed and another one starts: what was under way is dropped, what was done stays, unsynced as it was;
   * faults and counts go on. The one before must use the old disk, the one after the returned one.
   */
  restart(): MemoryDisk {
    this.powerOff()
    const { tree, record, capacityBytes } = this
    return new MemoryDisk({ ...this.#options, tree, record, capacityBytes, faults: this.#faults })
  }

  open(path: string, options: { readonly create?: boolean } = {}): Promise<DiskFile> {
    return this.#run('open', path, (operation) => {
      const node = this.tree.find(partsOf(path))
      if (node === undefined) {
        if (options.create !== true) throw missing(path)
        const { folder, name } = this.#parent(path)
        const created = this.tree.newNode()
        this.#change(operation, [{ kind: 'link', folder, name, node: created, isFolder: false }])
        return new MemoryFile(this, path, this.#file(created, path))
      }
      return new MemoryFile(this, path, this.#file(node, path))
    })
  }

  list(path: string): Promise<readonly DiskEntry[]> {
    return this.#run('list', path, () => {
      const node = this.tree.find(partsOf(path))
      if (node === undefined) return []
      const entries = this.tree.folder(node)
      if (entries === undefined) throw new DiskError('ENOTDIR', path, `${path} is not a folder`)
      return [...entries].map(([name, child]) => this.#entry(name, child))
    })
  }

  stat(path: string): Promise<DiskEntry | undefined> {
    return this.#run('stat', path, () => {
      const parts = partsOf(path)
      const node = this.tree.find(parts)
      return node === undefined ? undefined : this.#entry(parts.at(-1) ?? '', node)
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#run('rename', from, (operation) => {
      const node = this.tree.find(partsOf(from))
      if (node === undefined) throw missing(from)
      const replaced = this.tree.find(partsOf(to))
      const inside = replaced === undefined ? undefined : this.tree.folder(replaced)
      if (inside !== undefined && replaced !== node) {
        if (this.tree.folder(node) === undefined) throw new DiskError('EISDIR', to, `${to} is a folder`)
        if (inside.size > 0) throw new DiskError('ENOTEMPTY', to, `${to} is not empty`)
      }
      const { folder: fromFolder, name: fromName } = this.#parent(from)
      const { folder: toFolder, name: toName } = this.#parent(to)
      this.#change(operation, [{ kind: 'rename', fromFolder, fromName, toFolder, toName, node }])
    })
  }

  unlink(path: string): Promise<void> {
    return this.#run('unlink', path, (operation) => {
      const node = this.tree.find(partsOf(path))
      if (node === undefined) return
      if (this.tree.folder(node) !== undefined) throw new DiskError('EISDIR', path, `${path} is a folder`)
      this.#change(operation, [{ kind: 'unlink', ...this.#parent(path) }])
    })
  }

  makeDirectory(path: string): Promise<void> {
    return this.#run('makeDirectory', path, (operation) => {
      let folder = ROOT_NODE
      for (const name of partsOf(path)) {
        const entries = this.tree.folder(folder)
        if (entries === undefined) throw new DiskError('ENOTDIR', path, `${path}: a file is in the way`)
        const existing = entries.get(name)
        const node = existing ?? this.tree.newNode()
        if (existing === undefined)
          this.#change(operation, [{ kind: 'link', folder, name, node, isFolder: true }])
        folder = node
      }
      if (this.tree.folder(folder) === undefined) throw new DiskError('EEXIST', path, `${path} is a file`)
    })
  }

  /** Not atomic: a crash may leave any part of it. */
  removeDirectory(path: string): Promise<void> {
    return this.#run('removeDirectory', path, (operation) => {
      const node = this.tree.find(partsOf(path))
      if (node === undefined) return
      const changes: Change[] = []
      this.#collectUnlinks(node, changes)
      if (node !== ROOT_NODE) changes.push({ kind: 'unlink', ...this.#parent(path) })
      this.#change(operation, changes)
    })
  }

  #collectUnlinks(folder: number, changes: Change[]): void {
    for (const [name, child] of this.tree.folder(folder) ?? []) {
      this.#collectUnlinks(child, changes)
      changes.push({ kind: 'unlink', folder, name })
    }
  }

  syncDirectory(path: string): Promise<void> {
    const issuedAt = this.record.length
    const sync = (operation: Operation, isFailed: boolean): void => {
      const node = this.tree.find(partsOf(path))
      if (node === undefined || this.tree.folder(node) === undefined) throw missing(path)
      if (this.#isRecording) this.record.push({ kind: 'sync', operation, node, issuedAt, isFailed })
    }
    return this.#run(
      'syncDirectory',
      path,
      (operation) => sync(operation, false),
      (operation) => sync(operation, true),
    )
  }

  space(): Promise<DiskSpace> {
    return this.#run('space', '.', () => ({
      totalBytes: this.capacityBytes,
      freeBytes: Math.max(0, this.capacityBytes - this.tree.allocatedBytes),
    }))
  }

  lock(path: string): Promise<DiskLock> {
    return this.#run('lock', path, () => {
      if (this.#locks.has(path)) throw new DiskLockedError(path, 'another user of this memory disk')
      this.#locks.add(path)
      return {
        release: async () => {
          this.#locks.delete(path)
        },
      }
    })
  }

  // The rest of the public face is for MemoryFile alone.

  writeTo(
    file: FileNode,
    path: string,
    buffers: readonly Uint8Array[],
    position: number,
    done: (error: Error | undefined) => void,
  ): void {
    const bytes = new Uint8Array(Buffer.concat(buffers))
    const write = (operation: Operation, length: number): void => {
      assert(
        Buffer.concat(buffers).equals(bytes),
        `${path}: a buffer was changed while it was being written at ${position}`,
      )
      if (length > 0 || bytes.length === 0)
        this.#change(operation, [
          {
            kind: 'write',
            node: file.id,
            position,
            bytes: length < bytes.length ? bytes.slice(0, length) : bytes,
          },
        ])
    }
    this.#runWith(
      'write',
      path,
      (operation) => {
        const fitting = this.#fittingBytes(file, position, bytes.length)
        write(operation, fitting)
        if (fitting < bytes.length)
          throw new DiskError('ENOSPC', path, `${path}: no space left on this memory disk`)
      },
      (operation, fault) => write(operation, Math.min(bytes.length, fault.writtenBytes ?? 0)),
      done,
    )
  }

  syncFile(file: FileNode, path: string, done: (error: Error | undefined) => void): void {
    const issuedAt = this.record.length
    const sync = (operation: Operation, isFailed: boolean): void => {
      if (this.#isRecording) this.record.push({ kind: 'sync', operation, node: file.id, issuedAt, isFailed })
    }
    this.#runWith(
      'datasync',
      path,
      (operation) => sync(operation, false),
      (operation) => sync(operation, true),
      done,
    )
  }

  truncateFile(file: FileNode, path: string, sizeBytes: number): Promise<void> {
    return this.#run('truncate', path, (operation) =>
      this.#change(operation, [{ kind: 'truncate', node: file.id, sizeBytes }]),
    )
  }

  readFrom(
    file: FileNode,
    path: string,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<number> {
    return this.#run('read', path, () => {
      const count = file.content.read(buffer, offset, length, position)
      this.#options.onRead?.(path, position, buffer.subarray(offset, offset + count))
      return count
    })
  }

  sizeOf(file: FileNode, path: string): Promise<number> {
    return this.#run('size', path, () => file.content.sizeBytes)
  }

  closeOf(path: string): Promise<void> {
    return this.#run('close', path, () => undefined)
  }

  #fittingBytes(file: FileNode, position: number, length: number): number {
    if (this.capacityBytes === DEFAULT_CAPACITY_BYTES) return length
    const trial = file.content.fork()
    trial.write(new Uint8Array(length), position)
    const more = trial.allocatedBytes - file.content.allocatedBytes
    return this.tree.allocatedBytes + more <= this.capacityBytes ? length : 0
  }

  #change(operation: Operation, changes: readonly Change[]): void {
    const atMs = this.#nowMs()
    for (const change of changes) this.tree.apply(change, atMs)
    if (this.#isRecording && changes.length > 0)
      this.record.push({ kind: 'changes', operation, changes, atMs })
  }

  #run<T>(
    kind: OperationKind,
    path: string,
    effect: (operation: Operation) => T,
    failing?: (operation: Operation, fault: Fault) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: T
      this.#runWith(
        kind,
        path,
        (operation) => {
          result = effect(operation)
        },
        failing,
        (error) => (error === undefined ? resolve(result) : reject(error)),
      )
    })
  }

  #runWith(
    kind: OperationKind,
    path: string,
    effect: (operation: Operation) => void,
    failing: ((operation: Operation, fault: Fault) => void) | undefined,
    done: (error: Error | undefined) => void,
  ): void {
    partsOf(path)
    const operation: Operation = { kind, path }
    const fault = this.#faults.next(operation)
    this.#schedule(() => {
      if (this.#isOff) return
      let failure: Error | undefined
      try {
        if (fault === undefined) effect(operation)
        else {
          failing?.(operation, fault)
          failure = new DiskError(
            fault.code,
            path,
            `${path}: ${kind} fails with ${fault.code} as the test wants`,
          )
        }
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        failure = error
      }
      done(failure)
    }, operation)
  }

  #parent(path: string): { folder: number; name: string } {
    const parts = partsOf(path)
    const name = parts.pop()
    assert(name !== undefined, 'the root cannot be changed')
    const folder = this.tree.find(parts)
    if (folder === undefined || this.tree.folder(folder) === undefined) throw missing(path)
    return { folder, name }
  }

  #file(node: number, path: string): FileNode {
    const file = this.tree.file(node)
    if (file === undefined) throw new DiskError('EISDIR', path, `${path} is a folder`)
    return file
  }

  #entry(name: string, node: number): DiskEntry {
    const file = this.tree.file(node)
    return {
      name,
      isDirectory: file === undefined,
      sizeBytes: file?.content.sizeBytes ?? 0,
      modifiedAtMs: file?.modifiedAtMs ?? 0,
    }
  }
}

class MemoryFile implements DiskFile {
  readonly path: string
  readonly #disk: MemoryDisk
  readonly #file: FileNode
  #isClosed = false
  #underWay = 0

  constructor(disk: MemoryDisk, path: string, file: FileNode) {
    this.#disk = disk
    this.path = path
    this.#file = file
  }

  write(buffers: readonly Uint8Array[], position: number, done: (error: Error | undefined) => void): void {
    this.#begin()
    this.#disk.writeTo(this.#file, this.path, buffers, position, (error) => {
      this.#underWay--
      done(error)
    })
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.#during(() => this.#disk.readFrom(this.#file, this.path, buffer, offset, length, position))
  }

  datasync(done: (error: Error | undefined) => void): void {
    this.#begin()
    this.#disk.syncFile(this.#file, this.path, (error) => {
      this.#underWay--
      done(error)
    })
  }

  async truncate(sizeBytes: number): Promise<void> {
    return this.#during(() => this.#disk.truncateFile(this.#file, this.path, sizeBytes))
  }

  async size(): Promise<number> {
    return this.#during(() => this.#disk.sizeOf(this.#file, this.path))
  }

  /** A real descriptor may be given to another file as soon as it is closed: nothing may be under way on it. */
  async close(): Promise<void> {
    assert(this.#underWay === 0, `${this.path} is closed while it is in use`)
    this.#begin()
    this.#isClosed = true
    await this.#disk.closeOf(this.path)
  }

  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.#begin()
    try {
      return await work()
    } finally {
      this.#underWay--
    }
  }

  #begin(): void {
    assert(!this.#isClosed, `${this.path} is used after it was closed`)
    this.#underWay++
  }
}

function partsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  assert(!path.startsWith('/') && !parts.includes('..'), `${path} leaves the disk`)
  return parts
}

const missing = (path: string): DiskError => new DiskError('ENOENT', path, `${path} does not exist`)
