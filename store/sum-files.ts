import { crc32 } from '../base/crc32.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import { type BlockSum, SUM_BLOCK_BYTES, sumBlockEnd } from './block-sums.ts'
import type { Disk } from './disk.ts'
import { fileName, SUMS_FOLDER } from './layout.ts'
import type { OpenFiles } from './open-files.ts'
import { datasync, syncFolder, writeAll } from './segments.ts'

/*
 * rocketcluster/sums/<start of the segment, 20 digits>: one CRC-32 (4 bytes, big endian) per block of 64 KiB of the segment, in
 * order. 0: not known (a block that another broker wrote, or nothing but zeros).
 */
const SUM_BYTES = 4
/** Segments whose sums are kept in memory. */
const CACHED_SEGMENTS = 32

/** Block sums on disk: brought there with each checkpoint, asked for when old blocks are read. */
export class SumFiles {
  readonly #disk: Disk
  readonly #files: OpenFiles
  readonly #segmentBytes: number
  #pending: BlockSum[] = []
  readonly #cached = new Map<number, Promise<Buffer>>()
  #madeFile = false

  constructor(disk: Disk, files: OpenFiles, segmentBytes: number) {
    this.#disk = disk
    this.#files = files
    this.#segmentBytes = segmentBytes
  }

  note(sums: readonly BlockSum[]): void {
    for (const sum of sums) this.#pending.push(sum)
  }

  /** Writes and syncs the sums of blocks that end at or below the limit. Rejects with DiskError; then they wait on. */
  async write(limit: LogPosition): Promise<void> {
    const ready = this.#pending.filter((sum) => sumBlockEnd(sum.start, this.#segmentBytes) <= limit)
    const segments = new Set(ready.map((sum) => sum.start - (sum.start % this.#segmentBytes)))
    for (const segment of segments)
      await this.#writeSegment(
        segment,
        ready.filter((sum) => sum.start >= segment && sum.start < segment + this.#segmentBytes),
      )
    if (this.#madeFile) await syncFolder(this.#disk, SUMS_FOLDER)
    this.#madeFile = false
    this.#pending = this.#pending.filter((sum) => sumBlockEnd(sum.start, this.#segmentBytes) > limit)
  }

  async #writeSegment(segment: number, sums: readonly BlockSum[]): Promise<void> {
    const path = `${SUMS_FOLDER}/${fileName(segment)}`
    if ((await this.#disk.stat(path)) === undefined) this.#madeFile = true
    // In log order, and without gaps but at the end of a segment: one write is the rule.
    const first = this.#indexOf(sums[0]?.start ?? logPosition(segment))
    const last = this.#indexOf(sums.at(-1)?.start ?? logPosition(segment))
    const bytes = Buffer.alloc((last - first + 1) * SUM_BYTES)
    for (const { start, crc } of sums) bytes.writeUInt32BE(crc, (this.#indexOf(start) - first) * SUM_BYTES)
    await this.#files.use(
      path,
      async (file) => {
        await writeAll(file, [bytes], first * SUM_BYTES)
        await datasync(file)
      },
      true,
    )
    this.#cached.delete(segment)
  }

  /** True when the bytes of a whole block are what was written, or when nothing tells. Rejects with DiskError. */
  async isSound(blockStart: LogPosition, bytes: Buffer): Promise<boolean> {
    const segment = blockStart - (blockStart % this.#segmentBytes)
    const sums = await this.#load(segment)
    const at = this.#indexOf(blockStart) * SUM_BYTES
    const expected = at + SUM_BYTES <= sums.length ? sums.readUInt32BE(at) : 0
    return expected === 0 || crc32(bytes) === expected
  }

  #load(segment: number): Promise<Buffer> {
    let loading = this.#cached.get(segment)
    if (loading !== undefined) return loading
    loading = this.#read(segment)
    loading.catch(() => this.#cached.delete(segment))
    this.#cached.set(segment, loading)
    const [oldest] = this.#cached.keys()
    if (this.#cached.size > CACHED_SEGMENTS && oldest !== undefined) this.#cached.delete(oldest)
    return loading
  }

  async #read(segment: number): Promise<Buffer> {
    const path = `${SUMS_FOLDER}/${fileName(segment)}`
    if ((await this.#disk.stat(path)) === undefined) return Buffer.alloc(0)
    return this.#files.use(path, async (file) => {
      const bytes = Buffer.alloc(Math.ceil(this.#segmentBytes / SUM_BLOCK_BYTES) * SUM_BYTES)
      return bytes.subarray(0, await file.read(bytes, 0, bytes.length, 0))
    })
  }

  /** Sums are derived: what is no file of them goes. */
  async clean(): Promise<void> {
    for (const entry of await this.#disk.list(SUMS_FOLDER))
      if (entry.isDirectory) await this.#disk.removeDirectory(`${SUMS_FOLDER}/${entry.name}`)
  }

  /** The segments below are gone. */
  async removeBelow(start: LogPosition): Promise<void> {
    for (const entry of await this.#disk.list(SUMS_FOLDER)) {
      if (entry.isDirectory || !(Number(entry.name) < start)) continue
      await this.#files.forget(`${SUMS_FOLDER}/${entry.name}`)
      await this.#disk.unlink(`${SUMS_FOLDER}/${entry.name}`)
    }
  }

  /** A log that another broker wrote to since: what it wrote behind the position has other sums. */
  async forgetFrom(position: LogPosition): Promise<void> {
    for (const entry of await this.#disk.list(SUMS_FOLDER)) {
      const segment = Number(entry.name)
      if (segment + this.#segmentBytes <= position) continue
      const path = `${SUMS_FOLDER}/${entry.name}`
      await this.#files.use(path, async (file) => {
        const kept = position <= segment ? 0 : this.#indexOf(position) * SUM_BYTES
        await file.truncate(Math.min(kept, await file.size()))
        await datasync(file)
      })
    }
  }

  #indexOf(blockStart: LogPosition): number {
    return Math.floor((blockStart % this.#segmentBytes) / SUM_BLOCK_BYTES)
  }
}
