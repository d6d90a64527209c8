import { crc32 } from '../base/crc32.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import { readLong, writeLong } from '../message/record.ts'
import type { Disk, DiskFile } from './disk.ts'
import { SIDE_FOLDER } from './layout.ts'
import { syncFolder } from './segments.ts'
import { readWhole, replaceWhole } from './side-file.ts'

/*
 * rocketcluster/watermark: two slots of 512 bytes, written in turn, so that a torn write leaves the other one. The valid slot
 * with the higher sequence counts. Big endian.
 *
 *      0           8          16         24        32        40      44      48
 *      +-----------+----------+----------+---------+---------+-------+-------+
 *      | RKCMARK1  | sequence | position | epoch   | chain   | hash  | crc32 |   zeros up to 512
 *      +-----------+----------+----------+---------+---------+-------+-------+
 *
 * position: everything below was synced before this slot was written. hash: rolling CRC of the log below it (seal.ts), counted
 * in the chain of this number: a new one begins when a log is taken over. crc32: of the 44 bytes before it.
 */
const FILE = `${SIDE_FOLDER}/watermark`
const MAGIC = 'RKCMARK1'
const SLOT_BYTES = 512
const CRC_AT = 44

export interface Mark {
  readonly position: LogPosition
  readonly epoch: number
  readonly chain: number
  readonly hash: number
}

/**
 * The durable watermark: below it a bad record is rot, above it a torn tail (docs/decisions/0003-durable-watermark.md). A mark
 * never reaches the disk before the bytes it vouches for: it is given only after their datasync returned.
 */
export class Watermark {
  readonly #file: DiskFile
  #sequence: number
  #durable: LogPosition
  #wanted: Mark | undefined
  #waiting: ((error: Error | undefined) => void)[] = []
  #isRunning = false

  private constructor(file: DiskFile, sequence: number, durable: LogPosition) {
    this.#file = file
    this.#sequence = sequence
    this.#durable = durable
  }

  /** The mark of the last run, undefined when there is none. A file with two bad slots has none: `isDamaged`. */
  static async open(
    disk: Disk,
    isRenewed: boolean,
  ): Promise<{ watermark: Watermark; mark: Mark | undefined; isDamaged: boolean }> {
    const bytes = Buffer.alloc(2 * SLOT_BYTES)
    const found = await readWhole(disk, FILE)
    found?.copy(bytes)
    // Both slots have their place on disk before they are needed: a full disk cannot stop the watermark.
    if (isRenewed || (found?.length ?? 0) < bytes.length) {
      await replaceWhole(disk, FILE, bytes)
      await syncFolder(disk, '.')
    }
    const file = await disk.open(FILE)
    let best: { mark: Mark; sequence: number } | undefined
    for (const at of [0, SLOT_BYTES]) {
      const slot = decodeSlot(bytes, at)
      if (slot !== undefined && (best === undefined || slot.sequence > best.sequence)) best = slot
    }
    const watermark = new Watermark(file, best?.sequence ?? 0, best?.mark.position ?? logPosition(0))
    return { watermark, mark: best?.mark, isDamaged: best === undefined && found !== undefined }
  }

  /** Everything below is vouched for on disk. */
  get durable(): LogPosition {
    return this.#durable
  }

  /** Notes what may be vouched for; `write` brings it to disk. */
  want(mark: Mark): void {
    this.#wanted = mark
  }

  /** Writes and syncs the mark that is wanted. `done` comes when a mark at least that high is durable. */
  write(done: (error: Error | undefined) => void): void {
    this.#waiting.push(done)
    if (!this.#isRunning) this.#run()
  }

  #run(): void {
    const mark = this.#wanted
    const waiting = this.#waiting
    this.#waiting = []
    const finish = (error: Error | undefined): void => {
      this.#isRunning = false
      if (error === undefined && mark !== undefined) this.#durable = mark.position
      for (const done of waiting) done(error)
      if (this.#waiting.length > 0 && !this.#isRunning) this.#run()
    }
    if (mark === undefined) {
      finish(undefined)
      return
    }
    this.#isRunning = true
    this.#wanted = undefined
    this.#sequence++
    const slot = encodeSlot(mark, this.#sequence)
    this.#file.write([slot], (this.#sequence % 2) * SLOT_BYTES, (error) => {
      if (error !== undefined) finish(error)
      else this.#file.datasync(finish)
    })
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

function encodeSlot(mark: Mark, sequence: number): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES)
  slot.write(MAGIC, 0, 'latin1')
  writeLong(slot, sequence, 8)
  writeLong(slot, mark.position, 16)
  writeLong(slot, mark.epoch, 24)
  writeLong(slot, mark.chain, 32)
  slot.writeUInt32BE(mark.hash, 40)
  slot.writeUInt32BE(crc32(slot.subarray(0, CRC_AT)), CRC_AT)
  return slot
}

function decodeSlot(bytes: Buffer, at: number): { mark: Mark; sequence: number } | undefined {
  const slot = bytes.subarray(at, at + SLOT_BYTES)
  if (slot.toString('latin1', 0, 8) !== MAGIC) return undefined
  if (slot.readUInt32BE(CRC_AT) !== crc32(slot.subarray(0, CRC_AT))) return undefined
  const mark = {
    position: logPosition(readLong(slot, 16)),
    epoch: readLong(slot, 24),
    chain: readLong(slot, 32),
    hash: slot.readUInt32BE(40),
  }
  return { mark, sequence: readLong(slot, 8) }
}
