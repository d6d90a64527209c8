import { crc32 } from '../base/crc32.ts'
import { type Timestamp, timestamp } from '../base/units.ts'
import { readLong, writeLong } from '../message/record.ts'
import type { Disk } from './disk.ts'
import { ABORT_FILE, CHECKPOINT_FILE } from './layout.ts'
import { syncFolder } from './segments.ts'
import { readWhole, replaceWhole } from './side-file.ts'

/*
 * checkpoint: RocketMQ's own, 4096 bytes; Java rewrites it in place, we replace it. Big endian.
 *
 *      0           8           16          24              32          40                504    508
 *      +-----------+-----------+-----------+---------------+-----------+-----------------+------+-------+
 *      | log time  | queue time| index time| master flushed| confirm   | queue position  | RKC1 | crc32 | zeros
 *      +-----------+-----------+-----------+---------------+-----------+-----------------+------+-------+
 *
 * The times are store timestamps up to which log, consume queues and index are on disk; a Java broker starts its recovery
 * by them. The three positions (the last from 5.5 on) stay 0, which to Java means "not known". The mark is ours: the CRC of
 * the 504 bytes before, in the same sector. A Java broker rewrites the times and positions on its first flush and its
 * shutdown, but not the mark, so a mark that does not fit tells that another broker used this folder since.
 */
const FILE_BYTES = 4096
const MARK_AT = 504
const MARK = 'RKC1'

export interface Checkpoint {
  readonly logTime: Timestamp
  readonly queueTime: Timestamp
  readonly indexTime: Timestamp
  /** The last to write it was a broker of this kind, not Apache's. */
  readonly isOurs: boolean
}

export async function readCheckpoint(disk: Disk): Promise<Checkpoint | undefined> {
  const bytes = await readWhole(disk, CHECKPOINT_FILE)
  if (bytes === undefined || bytes.length < MARK_AT + 8) return undefined
  const isOurs =
    bytes.toString('latin1', MARK_AT, MARK_AT + 4) === MARK &&
    bytes.readUInt32BE(MARK_AT + 4) === crc32(bytes.subarray(0, MARK_AT))
  return {
    logTime: timestamp(readLong(bytes, 0)),
    queueTime: timestamp(readLong(bytes, 8)),
    indexTime: timestamp(readLong(bytes, 16)),
    isOurs,
  }
}

export async function writeCheckpoint(disk: Disk, times: Omit<Checkpoint, 'isOurs'>): Promise<void> {
  const bytes = Buffer.alloc(FILE_BYTES)
  writeLong(bytes, times.logTime, 0)
  writeLong(bytes, times.queueTime, 8)
  writeLong(bytes, times.indexTime, 16)
  bytes.write(MARK, MARK_AT, 'latin1')
  bytes.writeUInt32BE(crc32(bytes.subarray(0, MARK_AT)), MARK_AT + 4)
  await replaceWhole(disk, CHECKPOINT_FILE, bytes)
}

const OUR_ABORT = ' rocketcluster'

/** `abort` exists while a broker runs; one that is found at the start was left by a broker that did not stop in order. */
export async function findAbort(disk: Disk): Promise<'none' | 'ours' | 'foreign'> {
  const bytes = await readWhole(disk, ABORT_FILE)
  if (bytes === undefined) return 'none'
  return /^\d+\s*$/.test(bytes.toString('latin1')) ? 'foreign' : 'ours'
}

/** The pid as in RocketMQ, and our name, which a Java broker overwrites. Whole or not at all, so that it is never half ours. */
export const writeAbort = (disk: Disk): Promise<void> =>
  replaceWhole(disk, ABORT_FILE, Buffer.from(process.pid + OUR_ABORT))

export async function removeAbort(disk: Disk): Promise<void> {
  await disk.unlink(ABORT_FILE)
  await syncFolder(disk, '.')
}
