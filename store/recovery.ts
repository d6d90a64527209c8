import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition, type Timestamp, timestamp } from '../base/units.ts'
import { MAGIC_V1, MAGIC_V2, magicAt, positionAt, RECORD_MIN_BYTES } from '../message/record.ts'
import { adoptionStart, adoptQueues } from './adoption.ts'
import { type Checkpoint, findAbort, readCheckpoint } from './checkpoint.ts'
import type { Disk } from './disk.ts'
import { checkIdentity, type Identity, readIdentity } from './identity.ts'
import type { IndexSizes } from './index-file.ts'
import { KeyIndex } from './key-index.ts'
import { fileName, queueFolder, segmentPath } from './layout.ts'
import type { ScanEnd } from './log-scan.ts'
import type { OpenFiles } from './open-files.ts'
import { quarantine } from './quarantine.ts'
import { ENTRY_BYTES } from './queue-files.ts'
import type { QueueTable } from './queue-table.ts'
import { datasync, type Segments } from './segments.ts'
import { readState, type StoreState } from './state.ts'
import { StoreError } from './store.ts'
import type { LoggedTables } from './tables.ts'
import { dropTailCopy, restoreTail, rewriteTail } from './tail-copy.ts'
import { type Mark, Watermark } from './watermark.ts'

/**
 * How the last run ended, as far as its files tell.
 *
 * new: nothing is here yet. own: the state file says what is on disk, recovery reads the log from there. adopted: another
 * broker wrote here since (or the state file is lost), so queues, index and log end are found as that broker would.
 */
export type LastRun =
  | { readonly kind: 'new' }
  | { readonly kind: 'own'; readonly state: StoreState; readonly mark: Mark; readonly isClean: boolean }
  | {
      readonly kind: 'adopted'
      /** Another broker was here: its files count. False: ours, only the state file is lost. */
      readonly isForeign: boolean
      readonly isClean: boolean
      readonly state: StoreState | undefined
      readonly checkpoint: Checkpoint | undefined
      /** Vouches for the log only when nobody else wrote to it. */
      readonly mark: Mark | undefined
    }

export interface Examined {
  readonly identity: Identity | undefined
  readonly watermark: Watermark
  /** As it was found, whoever wrote here since. */
  readonly mark: Mark | undefined
  readonly run: LastRun
}

export interface ExamineParts {
  readonly disk: Disk
  readonly segments: Segments
  readonly log: Log
  readonly cluster: string
  readonly broker: string
}

/** Looks at everything and changes nothing but the watermark file. Throws StoreError 'corrupt' with reason and hint. */
export async function examine(parts: ExamineParts): Promise<Examined> {
  const { disk, segments } = parts
  const identity = await readIdentity(disk)
  if (identity !== undefined) checkIdentity(identity, parts.cluster, parts.broker)
  const state = await readState(disk)
  const sizes = await segments.load(parts.log, state?.logStart ?? logPosition(0))
  if (identity !== undefined && segments.first === undefined)
    throw new StoreError(
      'corrupt',
      'the commit log is missing, though this store was in use: mount the right folder or restore commitlog from a copy. To give ' +
        'up what was in it, empty the whole data folder',
    )
  const { watermark, mark, isDamaged } = await Watermark.open(disk, identity === undefined)
  const run = await lastRun(parts, identity, state, mark, isDamaged)
  // Another broker would have brought the end of the log in order in its own way.
  if (run.kind === 'adopted' && run.isForeign) await dropTailCopy(disk)
  else await restoreTail(disk, segments)
  checkSizes(segments, sizes, run)
  return { identity, watermark, mark, run }
}

async function lastRun(
  { disk, segments, log }: ExamineParts,
  identity: Identity | undefined,
  state: StoreState | undefined,
  mark: Mark | undefined,
  isMarkDamaged: boolean,
): Promise<LastRun> {
  const checkpoint = await readCheckpoint(disk)
  const abort = await findAbort(disk)
  const isEmpty = segments.first === undefined && checkpoint === undefined
  if (identity === undefined && state === undefined && isEmpty) return { kind: 'new' }
  const signs = {
    'checkpoint rewritten': checkpoint !== undefined && !checkpoint.isOurs,
    'abort written': abort === 'foreign',
  }
  const foreign = Object.entries(signs).filter(([, isSeen]) => isSeen)
  if (identity === undefined && state !== undefined)
    throw new StoreError(
      'corrupt',
      'rocketcluster/identity is missing, though the store was in use: whose log this is cannot be told. Restore the file from a ' +
        'copy, or delete the folder rocketcluster to take the log over as one of a Java broker',
    )
  const isForeign = identity === undefined || foreign.length > 0
  if (isForeign)
    log.info('store.taken-over', {
      signs: foreign.map(([sign]) => sign),
      hasIdentity: identity !== undefined,
    })
  if (isForeign || state === undefined)
    return {
      kind: 'adopted',
      isForeign,
      // A Java broker that stopped in order has left a checkpoint.
      isClean: isForeign && abort === 'none' && checkpoint !== undefined,
      state,
      checkpoint,
      mark: isForeign ? undefined : mark,
    }
  if (mark === undefined)
    throw new StoreError(
      'corrupt',
      `rocketcluster/watermark is ${isMarkDamaged ? 'damaged' : 'missing'}: a torn end of the log could not be told from damage. ` +
        'Restore it from a copy, or delete rocketcluster/state, too, to have the log read as a Java broker would',
    )
  checkLogStart(segments, state)
  return { kind: 'own', state, mark, isClean: state.isClean && abort === 'none' }
}

function checkLogStart(segments: Segments, state: StoreState): void {
  const first = segments.first ?? logPosition(0)
  if (first > state.logStart && !state.isOld)
    throw new StoreError(
      'corrupt',
      `${segmentPath(state.logStart)} is missing: the log began there. Restore the file from a copy or from a replica`,
    )
}

/** A segment may be short only where a cut was under way: beyond what the watermark vouches for. */
function checkSizes(segments: Segments, sizes: ReadonlyMap<LogPosition, number>, run: LastRun): void {
  for (const [start, size] of sizes) {
    if (size === segments.sizeBytes) continue
    const isLast = start === segments.starts.at(-1)
    const isCut = run.kind === 'own' ? start + size >= run.mark.position : isLast && size === 0
    if (!isCut)
      throw new StoreError(
        'corrupt',
        `${segmentPath(start)} has ${size} bytes, but mappedFileSizeCommitLog is ${segments.sizeBytes}: the file was cut, or that ` +
          'key is not the one with which this store was made. Restore the file or set the key',
      )
  }
}

/** True when a consume queue lacks a file, or has one of another size: then all are made again from the log. */
export async function areQueuesLost(run: LastRun, disk: Disk, fileBytes: number, log: Log): Promise<boolean> {
  if (run.kind !== 'own') return false
  const wanted: QueueWanted[] = []
  for (const [topic, queues] of Object.entries(run.state.queues))
    for (const [id, , max, firstFile] of queues)
      wanted.push({ folder: queueFolder(topic, id), firstFile, lastFile: lastFileOf(max, fileBytes) })
  for (let at = 0; at < wanted.length; at += CHECKS_AT_ONCE) {
    const found = await Promise.all(
      wanted.slice(at, at + CHECKS_AT_ONCE).map((queue) => isWhole(queue, disk, fileBytes)),
    )
    const lost = found.indexOf(false)
    if (lost < 0) continue
    log.warn('store.queues-lost', {
      folder: wanted[at + lost]?.folder,
      why: 'a file is missing or too short',
    })
    return true
  }
  return false
}

const CHECKS_AT_ONCE = 64

interface QueueWanted {
  readonly folder: string
  readonly firstFile: number
  readonly lastFile: number
}

async function isWhole(queue: QueueWanted, disk: Disk, fileBytes: number): Promise<boolean> {
  const sizes = new Map((await disk.list(queue.folder)).map((entry) => [entry.name, entry.sizeBytes]))
  for (let file = queue.firstFile; file <= queue.lastFile; file++)
    if (sizes.get(fileName(file * fileBytes)) !== fileBytes) return false
  return true
}

const lastFileOf = (max: number, fileBytes: number): number => Math.floor((max * ENTRY_BYTES - 1) / fileBytes)

/** Where replay begins: everything derived may lack records from here on. */
export async function replayStart(
  run: LastRun,
  segments: Segments,
  tables: LoggedTables,
  index: KeyIndex | undefined,
  isQueuesLost: boolean,
): Promise<LogPosition> {
  const first = segments.first ?? logPosition(0)
  if (run.kind === 'new' || isQueuesLost) return first
  if (run.kind === 'own') {
    const from = Math.min(run.state.position, tables.replayFrom, index?.replayFrom ?? run.state.position)
    return logPosition(Math.max(first, from))
  }
  // Our own tables may lack anything, those of another broker lack nothing.
  if (!run.isForeign) return first
  const known = run.state?.position
  const from =
    known !== undefined && segments.starts.includes(segments.startOf(known))
      ? segments.startOf(known)
      : await adoptionStart(segments, run.checkpoint)
  const gap = Math.max(first, index?.gapStart ?? from)
  const isUsable = gap < from && (gap === first || (await isRecordStart(segments, gap)))
  return isUsable ? logPosition(gap) : from
}

/** A position out of a file of another broker is checked before it is followed. */
async function isRecordStart(segments: Segments, position: number): Promise<boolean> {
  const first = segments.first ?? logPosition(0)
  if (!Number.isSafeInteger(position) || position < first || position >= segments.end) return false
  const segmentEnd = segments.startOf(logPosition(position)) + segments.sizeBytes
  const bytes = await segments.read(logPosition(position), Math.min(RECORD_MIN_BYTES, segmentEnd - position))
  if (bytes.length < RECORD_MIN_BYTES) return false
  const magic = magicAt(bytes, 0)
  return (magic === MAGIC_V1 || magic === MAGIC_V2) && positionAt(bytes, 0) === position
}

export interface QueueParts {
  readonly disk: Disk
  readonly files: OpenFiles
  readonly queues: QueueTable
  readonly fileBytes: number
  readonly log: Log
}

/** Fills the table of queues as they are on disk, up to the position that is returned. */
export async function restoreQueues(
  run: LastRun,
  parts: QueueParts,
  from: LogPosition,
  logStart: LogPosition,
  isQueuesLost: boolean,
): Promise<LogPosition> {
  if (run.kind === 'new' || isQueuesLost) return from
  if (run.kind === 'adopted') {
    await adoptQueues(parts, from, logStart)
    return from
  }
  for (const [name, queues] of Object.entries(run.state.queues)) {
    const topic = parts.queues.topic(name)
    for (const [id, min, max, firstFile] of queues) {
      const queue = parts.queues.queue(topic, id)
      queue.startAt(min, max)
      queue.firstFile = firstFile
      queue.lastFile = lastFileOf(max, parts.fileBytes)
    }
  }
  return run.state.position
}

export interface IndexParts {
  readonly disk: Disk
  readonly files: OpenFiles
  readonly sizes: IndexSizes
  readonly log: Log
}

export function restoreIndex(run: LastRun, parts: IndexParts): Promise<KeyIndex> {
  if (run.kind === 'own' && run.state.index !== undefined)
    return KeyIndex.open(parts, run.state.index, run.state.position, run.isClean)
  const indexTime = run.kind === 'adopted' ? (run.checkpoint?.indexTime ?? timestamp(0)) : timestamp(0)
  return KeyIndex.adopt(parts, indexTime, run.kind !== 'adopted' || run.isClean)
}

/** Compares what the scan found with what the watermark vouches for. Throws StoreError 'corrupt'. */
export function judgeEnd(mark: Mark | undefined, found: ScanEnd, hashAtMark: number | undefined): void {
  if (mark === undefined) return
  if (found.end < mark.position)
    throw new StoreError(
      'corrupt',
      `the log is damaged at position ${found.end} (${found.damage ?? 'nothing is there'}), but everything below ${mark.position} was ` +
        'on disk: this is no torn write. Restore the segment from a copy or from a replica; nothing was changed',
    )
  if (hashAtMark !== mark.hash)
    throw new StoreError(
      'corrupt',
      `the log below position ${mark.position} is not what was written: its checksum differs. Restore the last segments from a ` +
        'copy or from a replica; nothing was changed',
    )
}

/**
 * Makes the end of the log final and all below it durable: keeps what lies behind it, clears that away, writes again what the
 * watermark does not vouch for. Returns the bytes that were kept aside.
 */
export async function settleEnd(
  disk: Disk,
  segments: Segments,
  run: LastRun,
  found: ScanEnd,
): Promise<number> {
  if (run.kind === 'new') return 0
  const isForeign = run.kind === 'adopted' && run.isForeign
  const isUnclean = !run.isClean || found.damage !== undefined || isForeign
  let kept = 0
  if (isUnclean) {
    kept = await quarantine(disk, segments, found.end)
    if (found.end % segments.sizeBytes !== 0) await segments.clearFrom(found.end)
    await segments.renewBehind(found.end)
  }
  const vouched = run.mark?.position
  if (vouched === undefined) await syncSegments(segments, segments.first ?? logPosition(0), found.end)
  else if (isUnclean) await rewriteTail(disk, segments, vouched, found.end)
  await segments.retireWriters(found.end)
  return kept
}

async function syncSegments(segments: Segments, from: LogPosition, end: LogPosition): Promise<void> {
  for (const start of segments.starts)
    if (start + segments.sizeBytes > from && start < end) await datasync(await segments.ensureWriter(start))
}

/** The chain that rolling CRCs are counted in. A log that is taken over begins a new one, with a number never used here. */
export function chainOf(run: LastRun, lastMark: Mark | undefined): number {
  if (run.kind === 'own') return run.state.chain
  const state = run.kind === 'new' ? undefined : run.state
  return Math.max(state?.chain ?? 0, lastMark?.chain ?? 0) + 1
}

export const stateTimes = (run: LastRun): { storeTime: Timestamp; retentionTime: Timestamp } => {
  const state = run.kind === 'new' ? undefined : run.state
  return { storeTime: state?.storeTime ?? timestamp(0), retentionTime: state?.retentionTime ?? timestamp(0) }
}
