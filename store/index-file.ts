import { crc32 } from '../base/crc32.ts'
import { readLong, writeLong } from '../message/record.ts'
import type { Disk } from './disk.ts'
import { INDEX_FOLDER } from './layout.ts'
import type { OpenFiles } from './open-files.ts'
import { datasync, syncFolder, writeAll } from './segments.ts'

/*
 * index/<yyyyMMddHHmmssSSS>: header, slots, entries; full size from the start, what is not used yet is zeros. Big endian.
 *
 *      0            8            16                24                32            36             40
 *      +------------+------------+-----------------+-----------------+-------------+--------------+
 *      | begin time | end time   | begin position  | end position    | used slots  | entry count  |
 *      +------------+------------+-----------------+-----------------+-------------+--------------+
 *     40            slots × 4: number of the newest entry whose hash falls into the slot, 0 for none
 *      +--------------+
 *      | entry number | …
 *      +--------------+
 *     40 + slots × 4 + n × 20: entry number n, from 1 on; the count in the header is one more than the entries
 *      +----------+---------------+----------------------+------------------+
 *      | hash 4   | log position 8| seconds after begin 4| previous entry 4 | …
 *      +----------+---------------+----------------------+------------------+
 *
 * hash: Java's hash of `topic#key` without its sign; slot: hash mod slots; previous: the next older entry of the slot.
 */
const HEADER_BYTES = 40
const SLOT_BYTES = 4
const ENTRY_BYTES = 20
const PREVIOUS_AT = 16
/** Slots are kept in memory in pages of this many. */
const PAGE_SLOTS = 1024
const PAGE_BYTES = PAGE_SLOTS * SLOT_BYTES
const SECONDS_MAX = 0x7fffffff
/** Entries read and pages written per step of a repair. */
const REPAIR_ENTRIES = 64 * 1024
const REPAIR_PAGES = 64
/** Bytes copied for one write of slot pages: bounds memory and the length of a step. */
const SLOT_WRITE_BYTES = 256 * 1024

/** Header of an index file: what it covers. `count` is one more than its entries, as on disk. */
export interface IndexState {
  readonly name: string
  readonly beginTime: number
  readonly endTime: number
  readonly beginPosition: number
  readonly endPosition: number
  readonly slotCount: number
  readonly count: number
  /** CRC-32 of the entries; UNKNOWN_CRC for a file that another broker began. */
  readonly crc: number
}

const UNKNOWN_CRC = -1
/** Files with more entries are taken at their word: reading them would take longer than a start may. */
const CHECKED_ENTRIES_MAX = 1_000_000

export interface IndexSizes {
  readonly slots: number
  readonly entries: number
}

export interface IndexHit {
  readonly position: number
  /** Store time, cut to whole seconds after the file's begin. */
  readonly time: number
}

/** One file of the key index. Entries and slots change in memory first; `commit` brings them to disk in a safe order. */
export class IndexFile {
  readonly name: string
  readonly #files: OpenFiles
  readonly #sizes: IndexSizes
  #beginTime: number
  #endTime: number
  #beginPosition: number
  #endPosition: number
  #slotCount: number
  #count: number
  #crc: number
  readonly #pages = new Map<number, Buffer>()
  readonly #dirty = new Set<number>()
  readonly #unwritten: { readonly bytes: Buffer; readonly number: number }[] = []
  #committed: number

  constructor(files: OpenFiles, sizes: IndexSizes, state: IndexState) {
    this.#files = files
    this.#sizes = sizes
    this.name = state.name
    this.#beginTime = state.beginTime
    this.#endTime = state.endTime
    this.#beginPosition = state.beginPosition
    this.#endPosition = state.endPosition
    this.#slotCount = state.slotCount
    this.#count = Math.max(1, state.count)
    this.#crc = state.crc
    this.#committed = this.#count
  }

  static async create(disk: Disk, files: OpenFiles, sizes: IndexSizes, name: string): Promise<IndexFile> {
    const file = new IndexFile(files, sizes, emptyState(name))
    await files.use(
      file.#path,
      async (open) => {
        await open.truncate(0)
        await open.truncate(fileBytes(sizes))
        await writeAll(open, [file.#header()], 0)
        await datasync(open)
      },
      true,
    )
    await syncFolder(disk, INDEX_FOLDER)
    return file
  }

  /** As its header has it; undefined for a file of another size or with a header that cannot be. */
  static async load(files: OpenFiles, sizes: IndexSizes, name: string): Promise<IndexFile | undefined> {
    const header = Buffer.alloc(HEADER_BYTES)
    const size = await files.use(`${INDEX_FOLDER}/${name}`, async (open) => {
      await open.read(header, 0, HEADER_BYTES, 0)
      return open.size()
    })
    const count = header.readInt32BE(36)
    if (size !== fileBytes(sizes) || count < 0 || count > sizes.entries) return undefined
    return new IndexFile(files, sizes, {
      name,
      beginTime: readLong(header, 0),
      endTime: readLong(header, 8),
      beginPosition: readLong(header, 16),
      endPosition: readLong(header, 24),
      slotCount: header.readInt32BE(32),
      count,
      crc: UNKNOWN_CRC,
    })
  }

  get state(): IndexState {
    return {
      name: this.name,
      beginTime: this.#beginTime,
      endTime: this.#endTime,
      beginPosition: this.#beginPosition,
      endPosition: this.#endPosition,
      slotCount: this.#slotCount,
      count: this.#count,
      crc: this.#crc,
    }
  }

  /** Entries that still fit. */
  get room(): number {
    return this.#sizes.entries - this.#count
  }

  /** Reads the pages of the slots that these hashes fall into, where they are not in memory. */
  async loadPages(hashes: readonly number[]): Promise<void> {
    for (const hash of hashes) {
      const page = Math.floor((hash % this.#sizes.slots) / PAGE_SLOTS)
      if (!this.#pages.has(page)) this.#pages.set(page, await this.#readSlots(page * PAGE_SLOTS, PAGE_SLOTS))
    }
  }

  /** Adds entries in memory, at most `room` of them, after loadPages. */
  add(hashes: readonly number[], positions: readonly number[], times: readonly number[]): void {
    const bytes = Buffer.allocUnsafe(hashes.length * ENTRY_BYTES)
    this.#unwritten.push({ bytes, number: this.#count })
    for (let index = 0; index < hashes.length; index++)
      this.#put(bytes, index * ENTRY_BYTES, hashes[index] ?? 0, positions[index] ?? 0, times[index] ?? 0)
    if (this.#crc !== UNKNOWN_CRC) this.#crc = crc32(bytes, this.#crc)
  }

  /** Writes the entries that were added. Rejects with DiskError; it goes on there the next time. */
  async writeEntries(): Promise<void> {
    for (let first = this.#unwritten[0]; first !== undefined; first = this.#unwritten[0]) {
      const { bytes, number } = first
      await this.#files.use(this.#path, (open) => writeAll(open, [bytes], this.#entryAt(number)))
      this.#unwritten.shift()
    }
  }

  #put(bytes: Buffer, at: number, hash: number, position: number, time: number): void {
    if (this.#count === 1) {
      this.#beginTime = time
      this.#beginPosition = position
    }
    const slot = hash % this.#sizes.slots
    const page = Math.floor(slot / PAGE_SLOTS)
    const slotAt = (slot % PAGE_SLOTS) * SLOT_BYTES
    const slots = this.#pages.get(page)
    if (slots === undefined) return
    const previous = slots.readInt32BE(slotAt)
    bytes.writeInt32BE(hash, at)
    writeLong(bytes, position, at + 4)
    bytes.writeInt32BE(
      Math.min(SECONDS_MAX, Math.max(0, Math.floor((time - this.#beginTime) / 1000))),
      at + 12,
    )
    bytes.writeInt32BE(previous, at + PREVIOUS_AT)
    slots.writeInt32BE(this.#count, slotAt)
    this.#dirty.add(page)
    if (previous === 0) this.#slotCount++
    this.#count++
    this.#endTime = time
    this.#endPosition = position
  }

  /**
   * Entries, then slots, then the header, each synced before the next is written: a slot on disk never leads to an entry that is
   * not, and the header never counts what slots do not know.
   */
  async commit(): Promise<void> {
    if (this.#committed === this.#count) return
    await this.writeEntries()
    await this.#files.use(this.#path, async (open) => {
      await datasync(open)
      for (const run of pageRuns(this.#dirty)) {
        const copies = run.map((page) => Buffer.from(this.#pages.get(page) ?? []))
        await writeAll(open, copies, HEADER_BYTES + (run[0] ?? 0) * PAGE_BYTES)
      }
      await datasync(open)
      await writeAll(open, [this.#header()], 0)
      await datasync(open)
    })
    this.#dirty.clear()
    this.#committed = this.#count
  }

  /** Gives memory back. Only what is on disk goes. */
  forgetPages(): void {
    if (this.#dirty.size === 0) this.#pages.clear()
  }

  /** Candidates for a hash, newest first, until `visit` says that it has enough. */
  async find(hash: number, visit: (hit: IndexHit) => boolean): Promise<void> {
    const page = Math.floor((hash % this.#sizes.slots) / PAGE_SLOTS)
    const slots = this.#pages.get(page) ?? (await this.#readSlots(page * PAGE_SLOTS, PAGE_SLOTS))
    let number = slots.readInt32BE(((hash % this.#sizes.slots) % PAGE_SLOTS) * SLOT_BYTES)
    const entry = Buffer.alloc(ENTRY_BYTES)
    while (number > 0 && number < this.#count) {
      const at = this.#entryAt(number)
      await this.#files.use(this.#path, (open) => open.read(entry, 0, ENTRY_BYTES, at))
      if (entry.readInt32BE(0) === hash) {
        const time = this.#beginTime + entry.readInt32BE(12) * 1000
        if (!visit({ position: readLong(entry, 4), time })) return
      }
      const previous = entry.readInt32BE(PREVIOUS_AT)
      // Chains only lead to older entries: a damaged one cannot go round in circles.
      if (previous >= number) return
      number = previous
    }
  }

  /**
   * After a crash: the entries below the count are whole, but a flush that was cut short may have left any of the slots torn or
   * leading beyond the count. Then all slots are made again from the entries, durably, before anything is overwritten.
   * A flush writes entries before slots; so when none stands behind the count, the slots were left alone.
   */
  async repair(isTrusted: boolean): Promise<void> {
    if (isTrusted && (await this.#isUntouched())) return
    this.#pages.clear()
    this.#slotCount = 0
    for (let first = 1; first < this.#count; first += REPAIR_ENTRIES)
      this.#takeSlots(await this.#readEntries(first, Math.min(REPAIR_ENTRIES, this.#count - first)), first)
    const pages = Math.ceil(this.#sizes.slots / PAGE_SLOTS)
    await this.#files.use(this.#path, async (open) => {
      for (let first = 0; first < pages; first += REPAIR_PAGES) {
        const run: Buffer[] = []
        for (let page = first; page < Math.min(pages, first + REPAIR_PAGES); page++)
          run.push(this.#pages.get(page) ?? this.#emptyPage(page))
        await writeAll(open, run, HEADER_BYTES + first * PAGE_BYTES)
      }
      await writeAll(open, [this.#header()], 0)
      await datasync(open)
    })
    this.#pages.clear()
  }

  /** False when the entries or the slots on disk are not what was written, as far as that is known and worth the time. */
  async isSound(): Promise<boolean> {
    if (this.#crc === UNKNOWN_CRC || this.#count > CHECKED_ENTRIES_MAX) return true
    const expected = new IndexFile(this.#files, this.#sizes, this.state)
    let crc = 0
    for (let first = 1; first < this.#count; first += REPAIR_ENTRIES) {
      const entries = await this.#readEntries(first, Math.min(REPAIR_ENTRIES, this.#count - first))
      crc = crc32(entries, crc)
      expected.#takeSlots(entries, first)
    }
    if (crc !== this.#crc) return false
    for (let first = 0; first < this.#sizes.slots; first += REPAIR_PAGES * PAGE_SLOTS) {
      const slots = await this.#readSlots(first, REPAIR_PAGES * PAGE_SLOTS)
      for (let at = 0; at < slots.length; at += PAGE_BYTES) {
        const page = first / PAGE_SLOTS + at / PAGE_BYTES
        const wanted = expected.#pages.get(page) ?? expected.#emptyPage(page)
        if (!slots.subarray(at, at + PAGE_BYTES).equals(wanted)) return false
      }
    }
    return true
  }

  async #isUntouched(): Promise<boolean> {
    if (this.room <= 0) return true
    const next = await this.#readEntries(this.#count, 1)
    return next.every((byte) => byte === 0)
  }

  #takeSlots(entries: Buffer, first: number): void {
    for (let at = 0, number = first; at < entries.length; at += ENTRY_BYTES, number++) {
      const hash = entries.readInt32BE(at)
      // Zeros: an entry that another broker did not bring to disk.
      if (hash < 0 || (hash === 0 && readLong(entries, at + 4) === 0 && number > 1)) continue
      const slot = hash % this.#sizes.slots
      const page = Math.floor(slot / PAGE_SLOTS)
      let slots = this.#pages.get(page)
      if (slots === undefined) {
        slots = this.#emptyPage(page)
        this.#pages.set(page, slots)
      }
      const slotAt = (slot % PAGE_SLOTS) * SLOT_BYTES
      if (slots.readInt32BE(slotAt) === 0) this.#slotCount++
      slots.writeInt32BE(number, slotAt)
    }
  }

  #emptyPage(page: number): Buffer {
    return Buffer.alloc(Math.min(PAGE_SLOTS, this.#sizes.slots - page * PAGE_SLOTS) * SLOT_BYTES)
  }

  async #readEntries(first: number, count: number): Promise<Buffer> {
    const bytes = Buffer.alloc(count * ENTRY_BYTES)
    await this.#files.use(this.#path, (open) => open.read(bytes, 0, bytes.length, this.#entryAt(first)))
    return bytes
  }

  async #readSlots(first: number, count: number): Promise<Buffer> {
    const bytes = Buffer.alloc(Math.min(count, this.#sizes.slots - first) * SLOT_BYTES)
    const at = HEADER_BYTES + first * SLOT_BYTES
    await this.#files.use(this.#path, (open) => open.read(bytes, 0, bytes.length, at))
    return bytes
  }

  #header(): Buffer {
    const bytes = Buffer.alloc(HEADER_BYTES)
    writeLong(bytes, this.#beginTime, 0)
    writeLong(bytes, this.#endTime, 8)
    writeLong(bytes, this.#beginPosition, 16)
    writeLong(bytes, this.#endPosition, 24)
    bytes.writeInt32BE(this.#slotCount, 32)
    bytes.writeInt32BE(this.#count, 36)
    return bytes
  }

  #entryAt(number: number): number {
    return HEADER_BYTES + this.#sizes.slots * SLOT_BYTES + number * ENTRY_BYTES
  }

  get #path(): string {
    return `${INDEX_FOLDER}/${this.name}`
  }
}

export const emptyState = (name: string): IndexState => ({
  name,
  beginTime: 0,
  endTime: 0,
  beginPosition: 0,
  endPosition: 0,
  slotCount: 0,
  count: 1,
  crc: 0,
})

const fileBytes = (sizes: IndexSizes): number =>
  HEADER_BYTES + sizes.slots * SLOT_BYTES + sizes.entries * ENTRY_BYTES

/** Pages that follow each other, so that a busy table is written in few large writes. */
function* pageRuns(pages: ReadonlySet<number>): Generator<number[]> {
  let run: number[] = []
  for (const page of [...pages].sort((a, b) => a - b)) {
    const last = run.at(-1)
    if (last !== undefined && (page !== last + 1 || run.length * PAGE_BYTES >= SLOT_WRITE_BYTES)) {
      yield run
      run = []
    }
    run.push(page)
  }
  if (run.length > 0) yield run
}
