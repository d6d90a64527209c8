import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Store } from '../store/store.ts'

/** Commits that need no answer wait at most this long for their change record. */
const GATHER_INTERVAL_MS = 1000
/** Queues in one change record: some 600 KB at worst, some milliseconds of work. */
const QUEUES_PER_CHANGE = 2000
const WARNING_INTERVAL_MS = 60_000
/** Between topic and group in a key, as RocketMQ has it; neither name can hold it. */
export const OFFSET_KEY_SEPARATOR = '@'

/** The offsets of one group in one topic, as far as writing them goes. */
export interface WrittenOffsets {
  readonly group: string
  readonly topic: string
  /** By queue id. */
  readonly committed: readonly number[]
  /** Queue ids whose committed offset is in no change record yet. */
  readonly dirty: Set<number>
  /** Deleted: there is nothing to write any more. */
  isGone: boolean
}

/** A change record of the offset table. `at` is the wall clock of the broker that made it. */
export type OffsetChange =
  | { readonly commit: Readonly<Record<string, Readonly<Record<string, number>>>>; readonly at: number }
  | { readonly deleteGroup: string; readonly at: number }
  | { readonly deleteTopic: string; readonly at: number }

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Somebody waits until this offset is durable. */
interface CommitWaiter extends Waiter {
  readonly offsets: WrittenOffsets
  readonly queueId: number
}

interface Deletion extends Waiter {
  readonly change: OffsetChange
}

export interface OffsetWriterParts {
  readonly table: string
  readonly log: Log
  readonly clock: Clock
  /** Called before a change record is handed to the store. */
  readonly onChange: (change: OffsetChange) => void
}

/**
 * Brings what the offset table has in memory into the log, in the same order: commits that nobody waits for once a second, all
 * else at once, that of many waiters together. What the store refuses is tried again.
 */
export class OffsetWriter {
  readonly #parts: OffsetWriterParts
  readonly #dirty = new Set<WrittenOffsets>()
  readonly #waiters: CommitWaiter[] = []
  readonly #deletions: Deletion[] = []
  /** Resolves to what went wrong. */
  #writing: Promise<unknown> | undefined
  #gatheredAtMs = Number.NEGATIVE_INFINITY
  #warnedAtMs = Number.NEGATIVE_INFINITY
  #store: Store | undefined

  constructor(parts: OffsetWriterParts) {
    this.#parts = parts
  }

  attach(store: Store): void {
    this.#store = store
  }

  /** This offset changed. */
  mark(offsets: WrittenOffsets, queueId: number): void {
    offsets.dirty.add(queueId)
    this.#dirty.add(offsets)
  }

  /** These offsets are deleted. */
  forget(offsets: WrittenOffsets): void {
    this.#dirty.delete(offsets)
    offsets.dirty.clear()
    offsets.isGone = true
  }

  /** Resolves when the offset, as it is now or later, is durable. Rejects with StoreError. */
  settled(offsets: WrittenOffsets, queueId: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ offsets, queueId, resolve, reject })
      if (this.#writing === undefined) this.#write()
    })
  }

  /** Resolves when the deletion is durable. Rejects with StoreError. */
  delete(change: OffsetChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#deletions.push({ change, resolve, reject })
      if (this.#writing === undefined) this.#write()
    })
  }

  /** Writes the gathered commits when it is time. Never waits. */
  tick(nowMonotonicMs: number): void {
    if (this.#dirty.size + this.#deletions.length === 0) return
    if (this.#writing !== undefined || this.#store === undefined) return
    if (nowMonotonicMs - this.#gatheredAtMs < GATHER_INTERVAL_MS) return
    // What does not fit into one record goes with the next tick instead of a second later.
    if (this.#dirtyFits()) this.#gatheredAtMs = nowMonotonicMs
    this.#write()
  }

  /** Resolves when everything that is known is in the log. Rejects with StoreError when it cannot be. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined || this.#dirty.size + this.#deletions.length > 0) {
      if (this.#writing === undefined) this.#write()
      const problem = await this.#writing
      if (problem !== undefined) throw problem
    }
  }

  /**
   * Deletions in their order, then the commits that came before or after them: what is deleted has no commits left in memory. One such
   * group of records at a time; whoever comes meanwhile is in the next one.
   */
  #write(): void {
    const deletions = this.#deletions.splice(0)
    const waiters = this.#waiters.splice(0)
    const taken = this.#take(waiters)
    const done: Promise<void>[] = deletions.map(({ change }) => this.#submit(change))
    if (taken.length > 0) done.push(this.#submit({ commit: tableOf(taken), at: this.#parts.clock.now() }))
    const who: readonly Waiter[] = [...deletions, ...waiters]
    if (done.length === 0) {
      // What they wait for went with an earlier record, and none is under way.
      for (const waiter of who) waiter.resolve()
      return
    }
    this.#writing = Promise.all(done).then(
      () => this.#written(who),
      (error: unknown) => this.#failed(deletions, taken, who, error),
    )
  }

  #written(who: readonly Waiter[]): undefined {
    this.#writing = undefined
    for (const waiter of who) waiter.resolve()
    if (this.#waiters.length + this.#deletions.length > 0) this.#write()
  }

  /** All of it is tried again, whatever part went through: a deletion that is repeated has to be followed by what came after it. */
  #failed(
    deletions: readonly Deletion[],
    taken: readonly (readonly [WrittenOffsets, queueId: number])[],
    who: readonly Waiter[],
    error: unknown,
  ): unknown {
    this.#writing = undefined
    this.#deletions.unshift(...deletions.map(({ change }) => ({ change, resolve: ignore, reject: ignore })))
    for (const [offsets, queueId] of taken) if (!offsets.isGone) this.mark(offsets, queueId)
    const nowMs = this.#parts.clock.monotonicMs()
    if (nowMs - this.#warnedAtMs >= WARNING_INTERVAL_MS) {
      this.#warnedAtMs = nowMs
      this.#parts.log.warn('offsets.unwritten', { queues: taken.length, error: String(error) })
    }
    for (const waiter of [...who, ...this.#waiters.splice(0)]) waiter.reject(error)
    return error
  }

  /** Takes what somebody waits for and as much of the rest as fits into one record. */
  #take(waiters: readonly CommitWaiter[]): (readonly [WrittenOffsets, queueId: number])[] {
    const taken: (readonly [WrittenOffsets, number])[] = []
    const takeOne = (offsets: WrittenOffsets, queueId: number): void => {
      if (!offsets.dirty.delete(queueId)) return
      taken.push([offsets, queueId])
      if (offsets.dirty.size === 0) this.#dirty.delete(offsets)
    }
    for (const { offsets, queueId } of waiters) takeOne(offsets, queueId)
    for (const offsets of this.#dirty)
      for (const queueId of offsets.dirty) {
        if (taken.length >= QUEUES_PER_CHANGE) return taken
        takeOne(offsets, queueId)
      }
    return taken
  }

  #dirtyFits(): boolean {
    let count = 0
    for (const offsets of this.#dirty) {
      count += offsets.dirty.size
      if (count > QUEUES_PER_CHANGE) return false
    }
    return true
  }

  /** The change is in memory already; here it gets its place in the log. */
  async #submit(change: OffsetChange): Promise<void> {
    assert(this.#store !== undefined, 'an offset table changes only with a store attached')
    this.#parts.onChange(change)
    await this.#store.change(this.#parts.table, change, { isApplied: true })
  }
}

const ignore = (): void => undefined

function tableOf(taken: Iterable<readonly [WrittenOffsets, queueId: number]>) {
  const table: Record<string, Record<string, number>> = {}
  for (const [{ topic, group, committed }, queueId] of taken) {
    const key = topic + OFFSET_KEY_SEPARATOR + group
    table[key] ??= {}
    table[key][queueId] = committed[queueId] ?? 0
  }
  return table
}
