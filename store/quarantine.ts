import { type LogPosition, logPosition } from '../base/units.ts'
import type { Disk } from './disk.ts'
import { fileName, QUARANTINE_FOLDER } from './layout.ts'
import { datasync, type Segments, syncFolder, writeAll } from './segments.ts'

const PIECE_BYTES = 1024 * 1024
/** So many pieces of zeros in a row, and the rest of the segment is taken for unused: it is made zeros in any case. */
const QUIET_PIECES = 16

const ZEROS = Buffer.alloc(PIECE_BYTES)

/**
 * Copies what lies behind the end of the log, where it is not zeros, to rocketcluster/quarantine/log-<position>-<n>, durably.
 * Evidence for people: nothing reads it. Returns how many bytes were kept.
 */
export async function quarantine(disk: Disk, segments: Segments, end: LogPosition): Promise<number> {
  let kept = 0
  for (const start of segments.starts) {
    if (start + segments.sizeBytes <= end) continue
    kept += await quarantineSegment(disk, segments, logPosition(Math.max(start, end)))
  }
  return kept
}

async function quarantineSegment(disk: Disk, segments: Segments, from: LogPosition): Promise<number> {
  const segmentEnd = segments.startOf(from) + segments.sizeBytes
  const isTail = from % segments.sizeBytes !== 0
  let quiet = 0
  let file: QuarantineFile | undefined
  for (let position: number = from; position < segmentEnd && quiet < QUIET_PIECES; position += PIECE_BYTES) {
    const bytes = await segments.read(logPosition(position), Math.min(PIECE_BYTES, segmentEnd - position))
    if (bytes.equals(ZEROS.subarray(0, bytes.length))) {
      quiet++
      // A later segment that begins with zeros was never written to.
      if (!isTail && file === undefined) break
      continue
    }
    quiet = 0
    file ??= await QuarantineFile.create(disk, from)
    await file.write(bytes, position - from)
  }
  return file === undefined ? 0 : file.close()
}

class QuarantineFile {
  readonly #disk: Disk
  readonly #path: string
  #end = 0

  private constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  static async create(disk: Disk, from: LogPosition): Promise<QuarantineFile> {
    await disk.makeDirectory(QUARANTINE_FOLDER)
    for (let number = 1; ; number++) {
      const path = `${QUARANTINE_FOLDER}/log-${fileName(from)}-${number}`
      if ((await disk.stat(path)) === undefined) return new QuarantineFile(disk, path)
    }
  }

  async write(bytes: Buffer, at: number): Promise<void> {
    const file = await this.#disk.open(this.#path, { create: true })
    try {
      await writeAll(file, [bytes], at)
      await datasync(file)
    } finally {
      await file.close()
    }
    let length = bytes.length
    while (length > 0 && bytes[length - 1] === 0) length--
    this.#end = at + length
  }

  /** Cuts trailing zeros; returns the size. */
  async close(): Promise<number> {
    const file = await this.#disk.open(this.#path)
    try {
      await file.truncate(this.#end)
      await datasync(file)
    } finally {
      await file.close()
    }
    await syncFolder(this.#disk, QUARANTINE_FOLDER)
    return this.#end
  }
}
