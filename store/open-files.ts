import type { Disk, DiskFile } from './disk.ts'

interface Slot {
  readonly opened: Promise<DiskFile>
  users: number
  /** Closed by the last user: evicted or forgotten while in use. */
  isDoomed: boolean
}

/**
 * Keeps a bounded number of files open: tens of thousands of queues must not cost a descriptor each. The least recently
 * used idle file is closed first; files in use may exceed the bound for a moment.
 */
export class OpenFiles {
  readonly #disk: Disk
  readonly #max: number
  readonly #slots = new Map<string, Slot>()

  constructor(disk: Disk, max: number) {
    this.#disk = disk
    this.#max = max
  }

  /** Runs `work` with the file open. Rejects with DiskError when it cannot be opened, or as `work` does. */
  async use<T>(path: string, work: (file: DiskFile) => Promise<T>, create = false): Promise<T> {
    let slot = this.#slots.get(path)
    if (slot === undefined) {
      slot = { opened: this.#disk.open(path, { create }), users: 0, isDoomed: false }
    } else {
      // To the end of the order: most recently used.
      this.#slots.delete(path)
    }
    this.#slots.set(path, slot)
    slot.users++
    this.#shrink()
    try {
      return await work(await slot.opened)
    } catch (error) {
      if (this.#slots.get(path) === slot && !(await isOpen(slot))) this.#slots.delete(path)
      throw error
    } finally {
      slot.users--
      if (slot.isDoomed && slot.users === 0) await closeQuietly(slot)
    }
  }

  /** Before a file is deleted or renamed. */
  async forget(path: string): Promise<void> {
    const slot = this.#slots.get(path)
    if (slot !== undefined) await this.#drop(path, slot)
  }

  /** The same for everything below a folder. */
  async forgetUnder(folder: string): Promise<void> {
    for (const [path, slot] of [...this.#slots])
      if (path.startsWith(`${folder}/`)) await this.#drop(path, slot)
  }

  async close(): Promise<void> {
    for (const [path, slot] of [...this.#slots]) await this.#drop(path, slot)
  }

  #shrink(): void {
    for (const [path, slot] of this.#slots) {
      if (this.#slots.size <= this.#max) return
      if (slot.users === 0) void this.#drop(path, slot)
    }
  }

  async #drop(path: string, slot: Slot): Promise<void> {
    this.#slots.delete(path)
    if (slot.users > 0) slot.isDoomed = true
    else await closeQuietly(slot)
  }
}

const isOpen = (slot: Slot): Promise<boolean> =>
  slot.opened.then(
    () => true,
    () => false,
  )

/** Everything that matters was synced by its owner; an error on close has nobody left to hear it. */
async function closeQuietly(slot: Slot): Promise<void> {
  await slot.opened.then((file) => file.close()).catch(() => undefined)
}
