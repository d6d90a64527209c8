import { createHash } from 'node:crypto'
import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import type { ChangeNote } from './batch.ts'
import type { Disk } from './disk.ts'
import { CONFIG_FOLDER, QUARANTINE_FOLDER } from './layout.ts'
import { readWhole, replaceKeeping, replaceWhole } from './side-file.ts'
import type { Generation } from './state.ts'
import { type LoggedTable, StoreError } from './store.ts'

/** Stands for the hash of a file that is not there. */
const NO_FILE = 'none'
/** Holds all changes, whatever the log says: another broker wrote the file after our last change. */
const EVERYTHING = logPosition(Number.MAX_SAFE_INTEGER)

interface Entry {
  readonly table: LoggedTable
  /** The text in memory differs from the file. */
  isDirty: boolean
  /** Changes below are in the table already: replay leaves them out. */
  restored: LogPosition
  /** What the file and its `.bak` may be, newest first. */
  generations: readonly Generation[]
}

/** What a checkpoint writes for one table. */
export interface TableSnapshot {
  readonly name: string
  readonly text: string
  readonly generations: readonly Generation[]
}

export interface RestoreFacts {
  /** What the last checkpoint says about the files; undefined when there is no checkpoint. */
  readonly generations: Readonly<Record<string, readonly Generation[]>> | undefined
  /** Another broker used the folder since: its files hold more than ours. Also true for a folder that is taken over. */
  readonly isForeign: boolean
  /** Where replay can begin at the earliest, and where it begins for a table without a file. */
  readonly logStart: LogPosition
  readonly position: LogPosition
}

/**
 * The logged tables (design D7, docs/decisions/0002-metadata-in-the-log.md). Memory is the result of all changes in the log;
 * RocketMQ's JSON files are snapshots. The state file knows the hash of each and the position up to which it holds all
 * changes, so that recovery goes on from there.
 */
export class LoggedTables {
  readonly #disk: Disk
  readonly #log: Log
  readonly #entries = new Map<string, Entry>()

  constructor(disk: Disk, tables: readonly LoggedTable[], log: Log) {
    this.#disk = disk
    this.#log = log
    for (const table of tables) {
      const none: Generation = { hash: NO_FILE, position: logPosition(0) }
      this.#entries.set(table.name, { table, isDirty: false, restored: logPosition(0), generations: [none] })
    }
  }

  get isDirty(): boolean {
    for (const entry of this.#entries.values()) if (entry.isDirty) return true
    return false
  }

  /** First position whose change some table still lacks. */
  get replayFrom(): LogPosition {
    return logPosition(Math.min(EVERYTHING, ...[...this.#entries.values()].map((entry) => entry.restored)))
  }

  /** Loads all tables from their files. Throws StoreError 'corrupt' when one cannot be had whole. */
  async restore(facts: RestoreFacts): Promise<void> {
    for (const entry of this.#entries.values()) await this.#restoreOne(entry, facts)
  }

  async #restoreOne(entry: Entry, facts: RestoreFacts): Promise<void> {
    const { table } = entry
    const path = `${CONFIG_FOLDER}/${table.fileName}`
    const known = facts.generations?.[table.name]
    const main = await this.#candidate(path, known)
    const backup = await this.#candidate(`${path}.bak`, known)
    for (const file of [main, backup]) {
      const from = await this.#tryFile(entry, file, facts)
      if (from === undefined) continue
      entry.restored = from
      entry.generations =
        file.generation === undefined ? [{ hash: file.hash, position: from }] : (known ?? [])
      entry.isDirty = file.generation === undefined || file !== main
      // The next snapshot must not push a damaged file over the good .bak.
      if (file !== main && main.bytes !== undefined) await this.#disk.unlink(main.path)
      return
    }
    const isNew = main.bytes === undefined && backup.bytes === undefined && known === undefined
    if (!isNew) throw lost(path, main, backup)
    entry.restored = facts.generations === undefined ? facts.logStart : facts.position
  }

  async #candidate(path: string, known: readonly Generation[] | undefined): Promise<Candidate> {
    const bytes = await readWhole(this.#disk, path)
    const hash = bytes === undefined ? NO_FILE : hashOf(bytes)
    return { path, bytes, hash, generation: known?.find((generation) => generation.hash === hash) }
  }

  /** The position from which changes have to be replayed onto this file; undefined when it cannot be used. */
  async #tryFile(entry: Entry, file: Candidate, facts: RestoreFacts): Promise<LogPosition | undefined> {
    const { generation, bytes, path } = file
    const isUnknown = generation === undefined && facts.generations?.[entry.table.name] !== undefined
    if (bytes === undefined && generation === undefined) return undefined
    if (isUnknown && !facts.isForeign) return this.#setAside(file, 'it is not what was written there')
    // Changes after this snapshot are no longer in the log.
    if (generation !== undefined && generation.position < facts.logStart) return undefined
    if (bytes === undefined) return generation?.position
    if (bytes.length === 0) return this.#setAside(file, 'it is empty')
    try {
      entry.table.restore(bytes.toString('utf8'))
    } catch (error) {
      return this.#setAside(file, error instanceof Error ? error.message : String(error))
    }
    if (generation !== undefined) return generation.position
    // Nothing tells how much of the log this file holds: all of it, or what is there is applied again in order.
    if (!facts.isForeign) return facts.logStart
    this.#log.info('store.table-taken-over', { file: path, why: 'another broker wrote it' })
    return EVERYTHING
  }

  /** Keeps a damaged file where people can look at it. */
  async #setAside(file: Candidate, why: string): Promise<undefined> {
    this.#log.warn('store.table-damaged', { file: file.path, why })
    if (file.bytes !== undefined && file.bytes.length > 0) {
      await this.#disk.makeDirectory(QUARANTINE_FOLDER)
      const name = file.path.slice(file.path.lastIndexOf('/') + 1)
      await replaceWhole(this.#disk, `${QUARANTINE_FOLDER}/${name}-${file.hash.slice(0, 8)}`, file.bytes)
    }
    return undefined
  }

  /** A change in log order, from the pump. Those that a snapshot holds already are left out. */
  apply(note: ChangeNote, position: LogPosition): void {
    const entry = this.#entries.get(note.table)
    if (entry === undefined) {
      this.#log.warn('store.change-of-unknown-table', { table: note.table, position })
      return
    }
    if (position < entry.restored) return
    entry.isDirty = true
    if (!note.isApplied && !entry.table.apply(note.change))
      this.#log.warn('store.change-not-understood', { table: note.table, position })
  }

  /**
   * After replay: everything up to the end of the log is in memory. After an unclean stop all files are written again: the sync
   * of one may have failed, and nothing would tell.
   */
  caughtUp(isClean: boolean): void {
    for (const entry of this.#entries.values()) {
      if (!isClean || entry.restored === EVERYTHING) entry.isDirty = true
      entry.restored = logPosition(0)
    }
  }

  /** Texts of the tables that changed, as they are at the position. They stay dirty until `written`. */
  snapshots(position: LogPosition): TableSnapshot[] {
    const snapshots: TableSnapshot[] = []
    for (const entry of this.#entries.values()) {
      if (!entry.isDirty) continue
      const text = entry.table.snapshot()
      const next: Generation = { hash: hashOf(Buffer.from(text, 'utf8')), position }
      snapshots.push({ name: entry.table.name, text, generations: distinct([next, ...entry.generations]) })
      entry.isDirty = false
    }
    return snapshots
  }

  /** What the state file says about the files once the snapshots are on their way. */
  generations(
    position: LogPosition,
    snapshots: readonly TableSnapshot[],
  ): Record<string, readonly Generation[]> {
    const all: Record<string, readonly Generation[]> = {}
    for (const [name, entry] of this.#entries) {
      const [newest, ...older] = entry.generations
      // A table without changes since its file was written: the file holds everything up to here.
      const isCurrent = newest !== undefined && !entry.isDirty
      all[name] = isCurrent ? [{ hash: newest.hash, position }, ...older] : entry.generations
    }
    for (const snapshot of snapshots) all[snapshot.name] = snapshot.generations
    return all
  }

  /** The state file is durable: from now on these are the generations. */
  adopt(generations: Readonly<Record<string, readonly Generation[]>>): void {
    for (const [name, list] of Object.entries(generations)) {
      const entry = this.#entries.get(name)
      if (entry !== undefined) entry.generations = list
    }
  }

  /** Writes one snapshot as RocketMQ does, the old file becomes `.bak`. Rejects with DiskError. */
  async write(snapshot: TableSnapshot): Promise<void> {
    const entry = this.#entries.get(snapshot.name)
    if (entry === undefined) return
    const bytes = Buffer.from(snapshot.text, 'utf8')
    await replaceKeeping(this.#disk, `${CONFIG_FOLDER}/${entry.table.fileName}`, bytes)
    // The file, and what it was before.
    entry.generations = entry.generations.slice(0, 2)
  }

  /** A checkpoint did not come to its end: the next one writes these again. */
  failed(snapshots: readonly TableSnapshot[]): void {
    for (const { name } of snapshots) {
      const entry = this.#entries.get(name)
      if (entry !== undefined) entry.isDirty = true
    }
  }
}

interface Candidate {
  readonly path: string
  readonly bytes: Buffer | undefined
  readonly hash: string
  readonly generation: Generation | undefined
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Generations with the same bytes are one; the newer position holds. */
function distinct(generations: readonly Generation[]): Generation[] {
  const found = new Map<string, Generation>()
  for (const generation of generations)
    if (!found.has(generation.hash)) found.set(generation.hash, generation)
  return [...found.values()]
}

function lost(path: string, main: Candidate, backup: Candidate): StoreError {
  const word = (file: Candidate): string => (file.bytes === undefined ? 'missing' : 'damaged')
  return new StoreError(
    'corrupt',
    `${path} is ${word(main)} and ${path}.bak is ${word(backup)}: the table in them would be lost. Restore one of them from a ` +
      `copy (damaged files are kept under ${QUARANTINE_FOLDER}). Edit these files only through the broker (mqadmin)`,
  )
}
