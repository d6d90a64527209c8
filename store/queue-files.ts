import { logPosition } from '../base/units.ts'
import { readLong, writeLong } from '../message/record.ts'
import type { BlockCache } from './block-cache.ts'
import type { ConsumeQueue } from './consume-queue.ts'
import type { Disk } from './disk.ts'
import { fileName, QUEUE_FOLDER, queueFolder, topicFolder } from './layout.ts'
import type { OpenFiles } from './open-files.ts'
import { datasync, syncFolder, writeAll } from './segments.ts'
import type { QueueEntry } from './store.ts'

/*
 * consumequeue/<topic>/<queueId>/<20 digits>: entries of 20 bytes, entry n of the queue at byte n × 20 counted over all files.
 * Each file has its full size from the start; what is not written yet is zeros. Big endian.
 *
 *      0                   8         12                  20
 *      +-------------------+---------+-------------------+
 *      | log position      | size    | tags code         |
 *      +-------------------+---------+-------------------+
 */
export const ENTRY_BYTES = 20
const SIZE_AT = 8
const TAGS_AT = 12

/** Entries per cached block. */
const BLOCK_ENTRIES = 1024
/** Blocks of one queue in the key space of the cache. */
const BLOCKS_PER_QUEUE = 2 ** 22

/** The files of all consume queues: a cache of the log, written late and never beyond what the watermark vouches for. */
export class QueueFiles {
  readonly #disk: Disk
  readonly #files: OpenFiles
  readonly #cache: BlockCache
  readonly #fileBytes: number

  constructor(disk: Disk, files: OpenFiles, cache: BlockCache, fileBytes: number) {
    this.#disk = disk
    this.#files = files
    this.#cache = cache
    this.#fileBytes = fileBytes
  }

  /** Writes the entries whose records end at or below `limit`. Rejects with DiskError; then they stay in memory. */
  async write(queue: ConsumeQueue, limit: number): Promise<void> {
    const end = storableEnd(queue, limit)
    while (queue.stored < end && !queue.isDropped) {
      const from = queue.stored
      const file = Math.floor((from * ENTRY_BYTES) / this.#fileBytes)
      const fileEnd = ((file + 1) * this.#fileBytes) / ENTRY_BYTES
      const to = Math.min(end, fileEnd)
      await this.#writeRange(queue, from, to, file)
      queue.stored = to
    }
  }

  async #writeRange(queue: ConsumeQueue, from: number, to: number, file: number): Promise<void> {
    const bytes = Buffer.allocUnsafe((to - from) * ENTRY_BYTES)
    for (let offset = from, at = 0; offset < to; offset++, at += ENTRY_BYTES) {
      const index = queue.indexOf(offset)
      writeLong(bytes, queue.entries[index] ?? 0, at)
      bytes.writeInt32BE(queue.entries[index + 1] ?? 0, at + SIZE_AT)
      writeLong(bytes, queue.entries[index + 2] ?? 0, at + TAGS_AT)
    }
    const path = this.#path(queue, file)
    if (file > queue.lastFile) await this.#make(queue, file, path)
    await this.#files.use(path, (open) =>
      writeAll(open, [bytes], from * ENTRY_BYTES - file * this.#fileBytes),
    )
  }

  async #make(queue: ConsumeQueue, file: number, path: string): Promise<void> {
    await this.#disk.makeDirectory(queueFolder(queue.topic.name, queue.queueId))
    // A leftover of a deleted topic or of an interrupted run must not show through.
    await this.#files.forget(path)
    await this.#disk.unlink(path)
    await this.#files.use(path, (open) => open.truncate(this.#fileBytes), true)
    queue.hasNewFile = true
    queue.lastFile = file
  }

  /** Makes what is written durable, file names included. Rejects with DiskError. */
  async sync(queue: ConsumeQueue): Promise<void> {
    const target = queue.stored
    const last = Math.floor((target * ENTRY_BYTES - 1) / this.#fileBytes)
    let file = Math.floor((queue.synced * ENTRY_BYTES) / this.#fileBytes)
    for (; file <= last && queue.synced < target; file++) {
      if (queue.isDropped) return
      await this.#files.use(this.#path(queue, file), datasync)
    }
    if (queue.hasNewFile && !queue.isDropped) {
      queue.hasNewFile = false
      const topic = topicFolder(queue.topic.name)
      await syncFolder(this.#disk, queueFolder(queue.topic.name, queue.queueId))
      await syncFolder(this.#disk, `${QUEUE_FOLDER}/${topic}`)
      await syncFolder(this.#disk, QUEUE_FOLDER)
    }
    queue.synced = target
  }

  /** The block with this entry if it is in memory; `load` it otherwise. Entries below queue.stored only. */
  cached(queue: ConsumeQueue, offset: number): QueueBlock | undefined {
    const place = this.#place(offset)
    const bytes = this.#cache.get(keyOf(queue, place.block))
    if (bytes === undefined || (offset - place.first) * ENTRY_BYTES >= bytes.length) return undefined
    return { first: place.first, bytes }
  }

  load(queue: ConsumeQueue, offset: number): Promise<Buffer> {
    const { file, block, first, count } = this.#place(offset)
    return this.#cache.load(keyOf(queue, block), async () => {
      const bytes = Buffer.allocUnsafeSlow(Math.min(count, queue.stored - first) * ENTRY_BYTES)
      const position = first * ENTRY_BYTES - file * this.#fileBytes
      const length = await this.#files.use(this.#path(queue, file), (open) =>
        open.read(bytes, 0, bytes.length, position),
      )
      return length === bytes.length ? bytes : bytes.subarray(0, length - (length % ENTRY_BYTES))
    })
  }

  /** A topic or a queue is gone: its files, too, durably. */
  async remove(folder: string): Promise<void> {
    await this.#files.forgetUnder(folder)
    await this.#disk.removeDirectory(folder)
    const parent = folder.slice(0, folder.lastIndexOf('/'))
    if ((await this.#disk.stat(parent)) !== undefined) await syncFolder(this.#disk, parent)
  }

  /** Deletes the files that hold only entries below the queue's minimum; the last file stays. */
  async removeExpired(queue: ConsumeQueue): Promise<void> {
    const first = Math.floor((queue.minOffset * ENTRY_BYTES) / this.#fileBytes)
    for (; queue.firstFile < Math.min(first, queue.lastFile); queue.firstFile++) {
      const path = this.#path(queue, queue.firstFile)
      await this.#files.forget(path)
      await this.#disk.unlink(path)
    }
  }

  #path(queue: ConsumeQueue, file: number): string {
    return `${queueFolder(queue.topic.name, queue.queueId)}/${fileName(file * this.#fileBytes)}`
  }

  /** Puts a right entry in the place of a damaged one. */
  async mend(queue: ConsumeQueue, offset: number, entry: QueueEntry): Promise<void> {
    const { file } = this.#place(offset)
    const bytes = Buffer.alloc(ENTRY_BYTES)
    writeLong(bytes, entry.position, 0)
    bytes.writeInt32BE(entry.sizeBytes, SIZE_AT)
    writeLong(bytes, entry.tagsCode, TAGS_AT)
    await this.#files.use(this.#path(queue, file), (open) =>
      writeAll(open, [bytes], offset * ENTRY_BYTES - file * this.#fileBytes),
    )
    await this.load(queue, offset)
  }

  /** First offset of the block that holds this one. */
  blockStart(offset: number): number {
    return this.#place(offset).first
  }

  /** Blocks are counted over all files of the queue and never cross a file. */
  #place(offset: number): { file: number; block: number; first: number; count: number } {
    const perFile = this.#fileBytes / ENTRY_BYTES
    const blocksPerFile = Math.ceil(perFile / BLOCK_ENTRIES)
    const file = Math.floor(offset / perFile)
    const inFile = Math.floor((offset - file * perFile) / BLOCK_ENTRIES)
    const first = file * perFile + inFile * BLOCK_ENTRIES
    const count = Math.min(BLOCK_ENTRIES, perFile - inFile * BLOCK_ENTRIES)
    return { file, block: file * blocksPerFile + inFile, first, count }
  }
}

export interface QueueBlock {
  /** Offset of its first entry. */
  readonly first: number
  readonly bytes: Buffer
}

export const entryPositionAt = (bytes: Buffer, at: number): number => readLong(bytes, at)
export const entrySizeAt = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + SIZE_AT)
export const entryTagsAt = (bytes: Buffer, at: number): number => readLong(bytes, at + TAGS_AT)

export const decodeEntry = (bytes: Buffer, at: number): QueueEntry => ({
  position: logPosition(entryPositionAt(bytes, at)),
  sizeBytes: entrySizeAt(bytes, at),
  tagsCode: entryTagsAt(bytes, at),
})

const keyOf = (queue: ConsumeQueue, block: number): number => -(queue.serial * BLOCKS_PER_QUEUE + block) - 1

/** First offset whose record ends beyond the limit. */
function storableEnd(queue: ConsumeQueue, limit: number): number {
  let low: number = queue.stored
  let high: number = queue.maxOffset
  while (low < high) {
    const middle = (low + high) >> 1
    const index = queue.indexOf(middle)
    if ((queue.entries[index] ?? 0) + (queue.entries[index + 1] ?? 0) <= limit) low = middle + 1
    else high = middle
  }
  return low
}
