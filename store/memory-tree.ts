import { crc32 } from '../base/crc32.ts'

/**
 * What a memory disk holds: files and folders as inodes, so that an open file outlives its name and a change that was
 * recorded can be replayed on a copy. Copies share everything until one of them is changed.
 */
export const PAGE_BYTES = 4096
export const ROOT_NODE = 0

const ZERO_PAGE_CRC = crc32(new Uint8Array(PAGE_BYTES))

/**
 * A change of the tree, small enough to be kept or lost on its own when the machine dies. Nodes are named by number: a
 * change means the same on every copy of the tree it was recorded on.
 */
export type Change =
  | { readonly kind: 'write'; readonly node: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly node: number; readonly sizeBytes: number }
  | {
      readonly kind: 'link'
      readonly folder: number
      readonly name: string
      readonly node: number
      readonly isFolder: boolean
    }
  | { readonly kind: 'unlink'; readonly folder: number; readonly name: string }
  | {
      readonly kind: 'rename'
      readonly fromFolder: number
      readonly fromName: string
      readonly toFolder: number
      readonly toName: string
      readonly node: number
    }

export interface FileNode {
  readonly id: number
  readonly content: Content
  modifiedAtMs: number
}

export interface FolderNode {
  readonly id: number
  readonly entries: ReadonlyMap<string, number>
}

interface Page {
  readonly bytes: Uint8Array
  /** Only the content that made the page may change it. */
  readonly owner: object
  crc: number | undefined
}

/** The bytes of one file. Pages that were never written are holes: they read as zeros and take no room. */
export class Content {
  #pages: (Page | undefined)[]
  #owner: object = {}
  #sizeBytes: number

  constructor(pages: (Page | undefined)[] = [], sizeBytes = 0) {
    this.#pages = pages
    this.#sizeBytes = sizeBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get allocatedBytes(): number {
    let count = 0
    for (const page of this.#pages) if (page !== undefined) count++
    return count * PAGE_BYTES
  }

  /** A copy that shares the pages; whoever writes first copies the page. */
  fork(): Content {
    this.#owner = {}
    return new Content(this.#pages.slice(), this.#sizeBytes)
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.#sizeBytes - position))
    let done = 0
    while (done < count) {
      const at = position + done
      const inPage = at % PAGE_BYTES
      const step = Math.min(count - done, PAGE_BYTES - inPage)
      const page = this.#pages[(at - inPage) / PAGE_BYTES]
      const target = offset + done
      if (page === undefined) buffer.fill(0, target, target + step)
      else buffer.set(page.bytes.subarray(inPage, inPage + step), target)
      done += step
    }
    return count
  }

  /** All bytes of the file in memory of their own. */
  bytes(): Buffer {
    const all = Buffer.allocUnsafeSlow(this.#sizeBytes)
    this.read(all, 0, this.#sizeBytes, 0)
    return all
  }

  write(bytes: Uint8Array, position: number): void {
    let done = 0
    while (done < bytes.length) {
      const at = position + done
      const inPage = at % PAGE_BYTES
      const step = Math.min(bytes.length - done, PAGE_BYTES - inPage)
      this.#ownPage((at - inPage) / PAGE_BYTES).set(bytes.subarray(done, done + step), inPage)
      done += step
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, position + bytes.length)
  }

  /** What lies beyond the end is always zero, so that growing again shows zeros. */
  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) {
      const inPage = sizeBytes % PAGE_BYTES
      const whole = (sizeBytes - inPage) / PAGE_BYTES
      if (inPage > 0 && this.#pages[whole] !== undefined) this.#ownPage(whole).fill(0, inPage)
      this.#pages.length = Math.min(this.#pages.length, inPage > 0 ? whole + 1 : whole)
    }
    this.#sizeBytes = sizeBytes
  }

  #ownPage(index: number): Uint8Array {
    const page = this.#pages[index]
    if (page !== undefined && page.owner === this.#owner) {
      page.crc = undefined
      return page.bytes
    }
    const bytes = page === undefined ? new Uint8Array(PAGE_BYTES) : page.bytes.slice()
    while (this.#pages.length < index) this.#pages.push(undefined)
    this.#pages[index] = { bytes, owner: this.#owner, crc: undefined }
    return bytes
  }

  /** Equal for equal bytes, holes or not. */
  fingerprint(): string {
    let text = `${this.#sizeBytes}`
    const count = Math.ceil(this.#sizeBytes / PAGE_BYTES)
    for (let index = 0; index < count; index++) {
      const page = this.#pages[index]
      if (page !== undefined) page.crc ??= crc32(page.bytes)
      const crc = page?.crc ?? ZERO_PAGE_CRC
      text += crc === ZERO_PAGE_CRC ? '.' : ` ${crc}`
    }
    return text
  }
}

/** Inodes by number and the folders that name them, from the root down. */
export class MemoryTree {
  readonly #files: Map<number, FileNode>
  readonly #folders: Map<number, Map<string, number>>
  #nextNode: number

  constructor(
    files = new Map<number, FileNode>(),
    folders = new Map<number, Map<string, number>>([[ROOT_NODE, new Map()]]),
    nextNode = ROOT_NODE + 1,
  ) {
    this.#files = files
    this.#folders = folders
    this.#nextNode = nextNode
  }

  fork(): MemoryTree {
    const files = new Map<number, FileNode>()
    for (const [id, file] of this.#files)
      files.set(id, { id, content: file.content.fork(), modifiedAtMs: file.modifiedAtMs })
    const folders = new Map<number, Map<string, number>>()
    for (const [id, entries] of this.#folders) folders.set(id, new Map(entries))
    return new MemoryTree(files, folders, this.#nextNode)
  }

  /** A number for a file or folder that is about to be linked. */
  newNode(): number {
    return this.#nextNode++
  }

  file(id: number): FileNode | undefined {
    return this.#files.get(id)
  }

  folder(id: number): ReadonlyMap<string, number> | undefined {
    return this.#folders.get(id)
  }

  /** The node at a path; undefined when there is none. */
  find(parts: readonly string[]): number | undefined {
    let node: number | undefined = ROOT_NODE
    for (const part of parts) {
      if (node === undefined) return undefined
      node = this.#folders.get(node)?.get(part)
    }
    return node
  }

  /**
   * Total: a change whose file or folder is not linked here goes to an inode without a name, as on a disk that lost the
   * directory entry. Links and renames replace what they meet.
   */
  apply(change: Change, nowMs = 0): void {
    if (change.kind === 'write') {
      const file = this.#ensureFile(change.node)
      file.content.write(change.bytes, change.position)
      file.modifiedAtMs = nowMs
    } else if (change.kind === 'truncate') {
      const file = this.#ensureFile(change.node)
      file.content.truncate(change.sizeBytes)
      file.modifiedAtMs = nowMs
    } else if (change.kind === 'link') {
      if (change.isFolder) this.#ensureFolder(change.node)
      else if (!this.#files.has(change.node)) this.#ensureFile(change.node).modifiedAtMs = nowMs
      this.#ensureFolder(change.folder).set(change.name, change.node)
    } else if (change.kind === 'unlink') {
      this.#ensureFolder(change.folder).delete(change.name)
    } else {
      this.#ensureFolder(change.fromFolder).delete(change.fromName)
      this.#ensureFolder(change.toFolder).set(change.toName, change.node)
    }
  }

  #ensureFile(id: number): FileNode {
    let file = this.#files.get(id)
    if (file === undefined) {
      this.#nextNode = Math.max(this.#nextNode, id + 1)
      file = { id, content: new Content(), modifiedAtMs: 0 }
      this.#files.set(id, file)
    }
    return file
  }

  #ensureFolder(id: number): Map<string, number> {
    let folder = this.#folders.get(id)
    if (folder === undefined) {
      this.#nextNode = Math.max(this.#nextNode, id + 1)
      folder = new Map()
      this.#folders.set(id, folder)
    }
    return folder
  }

  /** Every file that has a name, with its path, in alphabetical order of the paths' parts. */
  *namedFiles(node = ROOT_NODE, prefix = ''): Generator<{ readonly path: string; readonly file: FileNode }> {
    const entries = this.#folders.get(node)
    if (entries === undefined) return
    for (const name of [...entries.keys()].sort()) {
      const child = entries.get(name) ?? ROOT_NODE
      const file = this.#files.get(child)
      if (file !== undefined) yield { path: prefix + name, file }
      else yield* this.namedFiles(child, `${prefix}${name}/`)
    }
  }

  /** Room taken by files that have a name. */
  get allocatedBytes(): number {
    let total = 0
    for (const { file } of this.namedFiles()) total += file.content.allocatedBytes
    return total
  }

  /** Equal for trees with the same folders, names and bytes. Times do not count. */
  fingerprint(node = ROOT_NODE): string {
    const entries = this.#folders.get(node)
    let text = '{'
    for (const name of [...(entries?.keys() ?? [])].sort()) {
      const child = entries?.get(name) ?? ROOT_NODE
      const file = this.#files.get(child)
      text += `${name}:${file === undefined ? this.fingerprint(child) : file.content.fingerprint()};`
    }
    return `${text}}`
  }
}
