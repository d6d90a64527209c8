import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition, type Timestamp, timestamp } from '../base/units.ts'
import type { Disk } from './disk.ts'
import { IndexFile, type IndexHit, type IndexSizes, type IndexState } from './index-file.ts'
import { INDEX_FOLDER } from './layout.ts'
import type { OpenFiles } from './open-files.ts'

/** Entries per step of a flush: a step is short enough not to be felt. */
const STEP_ENTRIES = 2048
/** Times in index files are cut to seconds, so a window is opened by one on either side; the record decides. */
const SECOND_MS = 1000

export interface KeyIndexParts {
  readonly disk: Disk
  readonly files: OpenFiles
  readonly sizes: IndexSizes
  readonly log: Log
}

/** Log positions [from, to] that some lost file covered. */
interface Gap {
  readonly from: number
  readonly to: number
}

/**
 * Finds messages by key. New entries wait in plain arrays, which costs next to nothing on the way of a message; `flush` moves
 * them into files step by step in the background. Queries see both.
 */
export class KeyIndex {
  readonly #parts: KeyIndexParts
  /** Oldest first; the last one takes new entries. */
  readonly #filesOldestFirst: IndexFile[]
  /** Positions below are in files already, but for the gaps. */
  readonly #covered: number
  readonly #gaps: readonly Gap[]
  /** Names of files that do not count; they go when what they held is in other files. */
  #doomed: readonly string[]
  #hashes: number[] = []
  #positions: number[] = []
  #times: number[] = []
  /** So many of them are in a file already. */
  #moved = 0
  #lastPosition: number
  #lastTime: number
  #busy: Promise<unknown> = Promise.resolve()

  private constructor(
    parts: KeyIndexParts,
    files: IndexFile[],
    covered: number,
    gaps: readonly Gap[],
    doomed: readonly string[],
  ) {
    this.#parts = parts
    this.#doomed = doomed
    this.#filesOldestFirst = files
    this.#covered = covered
    this.#gaps = gaps
    this.#lastPosition = files.at(-1)?.state.endPosition ?? 0
    this.#lastTime = files.at(-1)?.state.endTime ?? 0
  }

  /**
   * As the last checkpoint of this store left it: later files go, and what is lost is named by `replayFrom`. `isClean`: nothing
   * was written after that checkpoint.
   */
  static async open(
    parts: KeyIndexParts,
    states: readonly IndexState[],
    covered: LogPosition,
    isClean: boolean,
  ): Promise<KeyIndex> {
    const names = await indexNames(parts.disk)
    const known = new Map(states.map((state) => [state.name, state]))
    for (const name of names) if (!known.has(name)) await removeFile(parts, name, 'newer than the checkpoint')
    const files: IndexFile[] = []
    const gaps: Gap[] = []
    for (const state of states) {
      const isLast = state === states.at(-1)
      const file = await reopen(parts, state, names, isLast && !isClean)
      if (file !== undefined) files.push(file)
      else gaps.push({ from: state.beginPosition, to: state.endPosition })
    }
    return new KeyIndex(parts, files, covered, gaps, [])
  }

  /** As another broker left it: files that may hold more than its checkpoint vouches for go (IndexService.load). */
  static async adopt(parts: KeyIndexParts, indexTime: Timestamp, isClean: boolean): Promise<KeyIndex> {
    const files: IndexFile[] = []
    const gaps: Gap[] = []
    const doomed: string[] = []
    for (const name of await indexNames(parts.disk)) {
      const file = await IndexFile.load(parts.files, parts.sizes, name)
      if (file === undefined) doomed.push(name)
      else if (!isClean && file.state.endTime > indexTime) {
        gaps.push({ from: file.state.beginPosition, to: file.state.endPosition })
        doomed.push(name)
      } else files.push(file)
    }
    const last = files.at(-1)
    if (!isClean && last !== undefined) await last.repair(false)
    return new KeyIndex(parts, files, last === undefined ? 0 : last.state.endPosition + 1, gaps, doomed)
  }

  /** After a checkpoint that holds what was in them. Rejects with DiskError. */
  async removeDoomed(): Promise<void> {
    for (const name of this.#doomed) await removeFile(this.#parts, name, 'beyond its checkpoint')
    this.#doomed = []
  }

  /** Where files are lost that the log can fill again; undefined when none is. */
  get gapStart(): number | undefined {
    return this.#gaps.length === 0 ? undefined : Math.min(...this.#gaps.map((gap) => gap.from))
  }

  /** Everything from here on has to be dispatched again. */
  get replayFrom(): number {
    return Math.min(this.#covered, ...this.#gaps.map((gap) => gap.from))
  }

  get states(): readonly IndexState[] {
    return this.#filesOldestFirst.map((file) => file.state)
  }

  get pendingCount(): number {
    return this.#hashes.length - this.#moved
  }

  get lastUpdate(): { readonly position: LogPosition; readonly time: Timestamp } {
    return { position: logPosition(this.#lastPosition), time: timestamp(this.#lastTime) }
  }

  /** Takes Java's hash of `topic#key`. */
  add(hash: number, position: LogPosition, storeTimestamp: Timestamp): void {
    if (position < this.#covered && !this.#isInGap(position)) return
    this.#hashes.push(hashWithoutSign(hash))
    this.#positions.push(position)
    this.#times.push(storeTimestamp)
    if (position >= this.#lastPosition) {
      this.#lastPosition = position
      this.#lastTime = storeTimestamp
    }
  }

  #isInGap(position: number): boolean {
    return this.#gaps.some((gap) => position >= gap.from && position <= gap.to)
  }

  /** Brings entries of records below the limit to disk. Rejects with DiskError; what is not there yet stays in memory. */
  async flush(limit: LogPosition, now: Timestamp): Promise<void> {
    let end = this.#moved
    while (end < this.#positions.length && (this.#positions[end] ?? 0) < limit) end++
    while (this.#moved < end) await this.#exclusively(() => this.#step(end, now))
    this.#hashes = this.#hashes.slice(this.#moved)
    this.#positions = this.#positions.slice(this.#moved)
    this.#times = this.#times.slice(this.#moved)
    this.#moved = 0
    await this.#exclusively(async () => this.#filesOldestFirst.at(-1)?.commit())
  }

  async #step(end: number, now: Timestamp): Promise<void> {
    let file = this.#filesOldestFirst.at(-1)
    if (file === undefined || file.room === 0) {
      await file?.commit()
      file?.forgetPages()
      const { disk, files, sizes } = this.#parts
      file = await IndexFile.create(disk, files, sizes, nameAfter([file?.name ?? '', ...this.#doomed], now))
      this.#filesOldestFirst.push(file)
    }
    const from = this.#moved
    const to = Math.min(end, from + STEP_ENTRIES, from + file.room)
    const hashes = this.#hashes.slice(from, to)
    await file.loadPages(hashes)
    file.add(hashes, this.#positions.slice(from, to), this.#times.slice(from, to))
    this.#moved = to
    await file.writeEntries()
  }

  /** Positions of records that may have the key, newest first, until `visit` says that it has enough. */
  async find(
    hash: number,
    begin: number,
    end: number,
    visit: (position: LogPosition) => boolean,
  ): Promise<void> {
    const wanted = hashWithoutSign(hash)
    await this.#exclusively(async () => {
      let isEnough = false
      const offer = (hit: IndexHit): boolean => {
        if (hit.time >= begin - SECOND_MS && hit.time <= end + SECOND_MS)
          isEnough = !visit(logPosition(hit.position))
        return !isEnough
      }
      for (let index = this.#hashes.length - 1; index >= this.#moved && !isEnough; index--)
        if (this.#hashes[index] === wanted)
          offer({ position: this.#positions[index] ?? 0, time: this.#times[index] ?? 0 })
      for (const file of this.#filesOldestFirst.toReversed()) {
        const { beginTime, endTime } = file.state
        if (isEnough) return
        if (endTime >= begin - SECOND_MS && beginTime <= end + SECOND_MS) await file.find(wanted, offer)
      }
    })
  }

  /** Deletes the files that only lead below the start of the log; the one that takes new entries stays. */
  async removeExpired(logStart: LogPosition): Promise<void> {
    await this.#exclusively(async () => {
      while (this.#filesOldestFirst.length > 1) {
        const [oldest] = this.#filesOldestFirst
        if (oldest === undefined || oldest.state.endPosition >= logStart) return
        this.#filesOldestFirst.shift()
        await removeFile(this.#parts, oldest.name, undefined)
      }
    })
  }

  /** Gives back the memory of slots when nothing was added for a while. */
  async forgetPages(): Promise<void> {
    await this.#exclusively(async () => this.#filesOldestFirst.at(-1)?.forgetPages())
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work)
    this.#busy = result.catch(() => undefined)
    return result
  }
}

/** A file as the checkpoint knows it; undefined when it is lost: then the log fills its place. */
async function reopen(
  parts: KeyIndexParts,
  state: IndexState,
  names: readonly string[],
  isRepaired: boolean,
): Promise<IndexFile | undefined> {
  const isThere = names.includes(state.name)
  const found = isThere ? await IndexFile.load(parts.files, parts.sizes, state.name) : undefined
  if (found !== undefined) {
    const file = new IndexFile(parts.files, parts.sizes, state)
    if (isRepaired) await file.repair(true)
    if (await file.isSound()) return file
  }
  parts.log.warn('store.index-lost', { file: state.name, why: isThere ? 'damaged' : 'missing' })
  if (isThere) await removeFile(parts, state.name, undefined)
  return undefined
}

/** IndexFile.indexKeyHashMethod: the absolute value, and 0 for the one that has none. */
const hashWithoutSign = (hash: number): number => (hash === -0x80000000 ? 0 : Math.abs(hash))

async function indexNames(disk: Disk): Promise<string[]> {
  const entries = await disk.list(INDEX_FOLDER)
  return entries
    .filter((entry) => !entry.isDirectory && /^\d{17}$/.test(entry.name))
    .map((entry) => entry.name)
    .sort()
}

async function removeFile(parts: KeyIndexParts, name: string, why: string | undefined): Promise<void> {
  if (why !== undefined) parts.log.warn('store.index-dropped', { file: name, why })
  await parts.files.forget(`${INDEX_FOLDER}/${name}`)
  await parts.disk.unlink(`${INDEX_FOLDER}/${name}`)
}

/** The time as RocketMQ writes it (in UTC), but always behind the last name: order of names is order of files. */
function nameAfter(names: readonly string[], now: Timestamp): string {
  const last = names.toSorted().at(-1) ?? ''
  const name = new Date(now).toISOString().replace(/\D/g, '').slice(0, 17)
  return name > last ? name : String(BigInt(last) + 1n)
}
