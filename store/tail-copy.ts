import { crc32 } from '../base/crc32.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import { readLong, writeLong } from '../message/record.ts'
import type { Disk, DiskFile } from './disk.ts'
import { SIDE_FOLDER } from './layout.ts'
import { datasync, type Segments, syncFolder, writeAll } from './segments.ts'

/*
 * rocketcluster/tail: a copy of the end of the log, while recovery writes that end again. Big endian.
 *
 *      0            length        +8          +16      +24     +28     +32
 *      +------------+-------------+-----------+--------+-------+-------+
 *      | log bytes  | RKCTAIL1    | position  | length | crc32 | crc32 |
 *      +------------+-------------+-----------+--------+-------+-------+
 *
 * The first crc32 is of the log bytes, the second of the 28 bytes of the trailer before it.
 *
 * Why: a run may have ended with a failed sync. The kernel then shows bytes that the disk does not hold, calls them clean, and
 * another sync of the same file succeeds without writing them. So what the watermark does not vouch for is written again;
 * and as a crash may tear that write over bytes that were safe before, a copy of them is made durable first.
 */
const FILE = `${SIDE_FOLDER}/tail`
const TEMP = `${SIDE_FOLDER}/tail.tmp`
const MAGIC = 'RKCTAIL1'
const TRAILER_BYTES = 32
const PIECE_BYTES = 4 * 1024 * 1024

/** Writes [from, end) of the log again, so that a sync means something. `dropTailCopy` follows when the watermark has moved. */
export async function rewriteTail(
  disk: Disk,
  segments: Segments,
  from: LogPosition,
  end: LogPosition,
): Promise<void> {
  if (from >= end) return
  await disk.unlink(TEMP)
  const copy = await disk.open(TEMP, { create: true })
  try {
    await fillCopy(copy, segments, from, end)
    await datasync(copy)
  } finally {
    await copy.close()
  }
  await disk.rename(TEMP, FILE)
  await syncFolder(disk, SIDE_FOLDER)
  await restoreTail(disk, segments)
}

async function fillCopy(
  copy: DiskFile,
  segments: Segments,
  from: LogPosition,
  end: LogPosition,
): Promise<void> {
  let crc = 0
  for (const { position, length } of pieces(segments, from, end)) {
    const bytes = await segments.read(position, length)
    crc = crc32(bytes, crc)
    await writeAll(copy, [bytes], position - from)
  }
  const trailer = Buffer.alloc(TRAILER_BYTES)
  trailer.write(MAGIC, 0, 'latin1')
  writeLong(trailer, from, 8)
  writeLong(trailer, end - from, 16)
  trailer.writeUInt32BE(crc, 24)
  trailer.writeUInt32BE(crc32(trailer.subarray(0, 28)), 28)
  await writeAll(copy, [trailer], end - from)
}

/** Writes the copy back, if there is a whole one: recovery was interrupted while it wrote. */
export async function restoreTail(disk: Disk, segments: Segments): Promise<void> {
  if ((await disk.stat(FILE)) === undefined) return
  const copy = await disk.open(FILE)
  try {
    const size = await copy.size()
    const trailer = Buffer.alloc(TRAILER_BYTES)
    const length = size - TRAILER_BYTES
    if (length <= 0 || (await copy.read(trailer, 0, TRAILER_BYTES, length)) < TRAILER_BYTES) return
    const from = logPosition(readLong(trailer, 8))
    if (!isWhole(trailer, length) || !(await hasCrc(copy, length, trailer.readUInt32BE(24)))) return
    for (const { position, length: count } of pieces(segments, from, logPosition(from + length))) {
      const bytes = await readPiece(copy, position - from, count)
      const start = segments.startOf(position)
      await writeAll(await segments.ensureWriter(start), [bytes], position - start)
    }
    for (const start of segments.starts)
      if (start + segments.sizeBytes > from && start < from + length)
        await datasync(await segments.ensureWriter(start))
  } finally {
    await copy.close()
  }
}

/** The watermark vouches for what was written again. */
export async function dropTailCopy(disk: Disk): Promise<void> {
  if ((await disk.stat(FILE)) === undefined) return
  await disk.unlink(FILE)
  await syncFolder(disk, SIDE_FOLDER)
}

const isWhole = (trailer: Buffer, length: number): boolean =>
  trailer.toString('latin1', 0, 8) === MAGIC &&
  trailer.readUInt32BE(28) === crc32(trailer.subarray(0, 28)) &&
  readLong(trailer, 16) === length

async function hasCrc(copy: DiskFile, length: number, expected: number): Promise<boolean> {
  let crc = 0
  for (let at = 0; at < length; at += PIECE_BYTES)
    crc = crc32(await readPiece(copy, at, Math.min(PIECE_BYTES, length - at)), crc)
  return crc === expected
}

async function readPiece(copy: DiskFile, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  const count = await copy.read(bytes, 0, length, at)
  return bytes.subarray(0, count)
}

/** [from, end) in pieces that stay inside a segment. */
function* pieces(
  segments: Segments,
  from: LogPosition,
  end: LogPosition,
): Generator<{ position: LogPosition; length: number }> {
  for (let position: number = from; position < end; ) {
    const segmentEnd = segments.startOf(logPosition(position)) + segments.sizeBytes
    const length = Math.min(PIECE_BYTES, segmentEnd - position, end - position)
    yield { position: logPosition(position), length }
    position += length
  }
}
