/**
 * Recently read blocks of files, shared by all readers, least recently used first out. Blocks are never written to again, so
 * views of them may be held; one that is read by several at once is read once. Keys are numbers: log blocks use their
 * position, queue blocks negative numbers. A block is as long as what was there when it was read: it may be short at the
 * growing end of a file.
 */
export class BlockCache {
  readonly #maxBytes: number
  readonly #blocks = new Map<number, Buffer>()
  readonly #loading = new Map<number, Promise<Buffer>>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get sizeBytes(): number {
    return this.#bytes
  }

  get(key: number): Buffer | undefined {
    const block = this.#blocks.get(key)
    if (block === undefined) return undefined
    this.#blocks.delete(key)
    this.#blocks.set(key, block)
    return block
  }

  has(key: number): boolean {
    return this.#blocks.has(key) || this.#loading.has(key)
  }

  /** Reads through `read`, joined with a read of the same block that is under way. Replaces what the cache has. */
  load(key: number, read: () => Promise<Buffer>): Promise<Buffer> {
    const running = this.#loading.get(key)
    if (running !== undefined) return running
    const loading = read().then(
      (bytes) => {
        this.#loading.delete(key)
        this.#keep(key, bytes)
        return bytes
      },
      (error: unknown) => {
        this.#loading.delete(key)
        throw error
      },
    )
    this.#loading.set(key, loading)
    return loading
  }

  #keep(key: number, bytes: Buffer): void {
    const old = this.#blocks.get(key)
    if (old !== undefined) {
      this.#bytes -= old.length
      this.#blocks.delete(key)
    }
    this.#blocks.set(key, bytes)
    this.#bytes += bytes.length
    for (const [oldest, block] of this.#blocks) {
      if (this.#bytes <= this.#maxBytes || oldest === key) break
      this.#blocks.delete(oldest)
      this.#bytes -= block.length
    }
  }
}
