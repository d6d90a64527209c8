import type { LoggedTable, Store } from '../../store/store.ts'
import { StoreError } from '../../store/store.ts'

interface Entry {
  readonly text: string
  readonly isApplied: boolean
}

/**
 * The part of a store that a logged table sees: change records in order, applied and answered when the test says so. The texts
 * are JSON, so that a table cannot hold on to what it handed over.
 */
export class ChangeLog {
  readonly entries: Entry[] = []
  readonly #table: LoggedTable
  readonly #waiting: { readonly entry: Entry; readonly resolve: () => void }[] = []
  isRefusing = false
  maxOffset = Number.MAX_SAFE_INTEGER
  isAutomatic: boolean

  constructor(table: LoggedTable, options: { readonly isAutomatic?: boolean } = {}) {
    this.#table = table
    this.isAutomatic = options.isAutomatic ?? true
  }

  /** Only `change` works, and `queueRange` as if all queues ended at `maxOffset`. */
  get store(): Store {
    const queueRange = () => ({ minOffset: 0, maxOffset: this.maxOffset })
    return { change: this.change, queueRange } as unknown as Store
  }

  readonly change = (table: string, change: unknown, options?: { isApplied?: boolean }): Promise<void> => {
    if (table !== this.#table.name) throw new Error(`a change of ${table}`)
    if (this.isRefusing) return Promise.reject(new StoreError('unavailable', 'the disk is full'))
    const entry = { text: JSON.stringify(change), isApplied: options?.isApplied === true }
    this.entries.push(entry)
    return new Promise((resolve) => {
      this.#waiting.push({ entry, resolve })
      if (this.isAutomatic) queueMicrotask(() => this.settle())
    })
  }

  /** Makes all records so far durable, in order. */
  settle(): void {
    for (const { entry, resolve } of this.#waiting.splice(0)) {
      if (!entry.isApplied && !this.#table.apply(JSON.parse(entry.text)))
        throw new Error(`not applied: ${entry.text}`)
      resolve()
    }
  }

  get durableCount(): number {
    return this.entries.length - this.#waiting.length
  }

  /** What a restart makes of a snapshot and the records from `position` on. */
  replayInto(fresh: LoggedTable, snapshot: string | undefined, position: number): void {
    if (snapshot !== undefined) fresh.restore(snapshot)
    for (const entry of this.entries.slice(position))
      if (!fresh.apply(JSON.parse(entry.text))) throw new Error(`not applied: ${entry.text}`)
  }
}
