import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { crc32 } from '../base/crc32.ts'
import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition } from '../base/units.ts'

import type { ChangeNote } from './batch.ts'
import { BlockCache } from './block-cache.ts'
import { type SumState, sumBlockStart } from './block-sums.ts'
import { deletedTopicOf, STORE_TABLE } from './change.ts'
import type { Disk } from './disk.ts'
import { FIRST_EPOCH, hasIdentity, readEpochs, writeEpochs, writeIdentity } from './identity.ts'
import type { KeyIndex } from './key-index.ts'
import {
  COMMIT_LOG_FOLDER,
  CONFIG_FOLDER,
  INDEX_FOLDER,
  QUEUE_FOLDER,
  SIDE_FOLDER,
  SUMS_FOLDER,
} from './layout.ts'
import { type ScanEnd, type ScanOptions, scanLog } from './log-scan.ts'
import type { OpenFiles } from './open-files.ts'
import type { StoreOptions } from './options.ts'
import { Pump } from './pump.ts'
import { RECORD_OVERHEAD_BYTES } from './puts.ts'
import { QueueFiles } from './queue-files.ts'
import { QueueTable } from './queue-table.ts'
import {
  areQueuesLost,
  chainOf,
  type Examined,
  examine,
  judgeEnd,
  type LastRun,
  replayStart,
  restoreIndex,
  restoreQueues,
  settleEnd,
  stateTimes,
} from './recovery.ts'
import { Replay } from './replay.ts'
import { Segments, syncFailure, syncFolder } from './segments.ts'
import { type LoggedTable, StoreError } from './store.ts'
import { SumFiles } from './sum-files.ts'
import { LoggedTables } from './tables.ts'
import { dropTailCopy } from './tail-copy.ts'
import type { Watermark } from './watermark.ts'

export interface StoreParts {
  readonly disk: Disk
  readonly options: StoreOptions
  /** Tables over the log. Their state is restored before openStore resolves. */
  readonly tables: readonly LoggedTable[]
  readonly clock: Clock
  readonly log: Log
  /** Runs a function after the rest of this turn of the loop; setImmediate unless a test needs its own. */
  readonly defer?: (run: () => void) => void
  /** Names a new store; a random UUID unless a test needs its own. */
  readonly uid?: () => string
}

/** During replay, what gathered in memory goes to disk when there is this much of it. */
const REPLAY_INDEX_MAX = 200_000

/** What exists before the log is read. */
export interface Base {
  readonly parts: StoreParts
  readonly files: OpenFiles
  readonly cache: BlockCache
  readonly segments: Segments
  readonly queues: QueueTable
  readonly queueFiles: QueueFiles
  readonly sumFiles: SumFiles
  readonly tables: LoggedTables
}

/** What reading the log made of it. */
export interface Recovered {
  readonly run: LastRun
  readonly end: LogPosition
  readonly watermark: Watermark
  readonly epoch: number
  readonly chain: number
  readonly pump: Pump
  readonly index: KeyIndex | undefined
}

export async function prepare(parts: StoreParts, files: OpenFiles): Promise<Base> {
  const { disk, options, log } = parts
  for (const folder of [
    COMMIT_LOG_FOLDER,
    QUEUE_FOLDER,
    INDEX_FOLDER,
    CONFIG_FOLDER,
    SIDE_FOLDER,
    SUMS_FOLDER,
  ])
    await makeFolder(disk, folder)
  await syncFolder(disk, '.')
  const sumFiles = new SumFiles(disk, files, options.segmentSizeBytes)
  await sumFiles.clean()
  const cache = new BlockCache(options.blockCacheBytes)
  return {
    parts,
    files,
    cache,
    segments: new Segments(disk, files, options.segmentSizeBytes),
    queues: new QueueTable(),
    sumFiles,
    queueFiles: new QueueFiles(disk, files, cache, options.queueFileSizeBytes),
    tables: new LoggedTables(disk, parts.tables, log),
  }
}

/**
 * In a store that was never set up completely, an empty folder may be left of a start that ended with a failed sync: its name
 * is made again, as no later sync would vouch for the old one.
 */
async function makeFolder(disk: Disk, folder: string): Promise<void> {
  const isSetUp = await hasIdentity(disk)
  const isEmpty =
    !isSetUp && (await disk.stat(folder)) !== undefined && (await disk.list(folder)).length === 0
  if (isEmpty) await disk.removeDirectory(folder)
  await disk.makeDirectory(folder)
}

export async function recover(base: Base): Promise<Recovered> {
  const { parts, segments, tables, queues } = base
  const { disk, options, clock, log } = parts
  const beganAtMs = clock.monotonicMs()
  const examined = await examine({
    disk,
    segments,
    log,
    cluster: options.clusterName,
    broker: options.brokerName,
  })
  const { run, watermark } = examined
  const logStart = segments.first ?? logPosition(0)
  await tables.restore({
    generations: run.kind === 'new' ? undefined : run.state?.tables,
    isForeign: run.kind === 'adopted' && run.isForeign,
    logStart,
    position: run.kind === 'own' ? run.state.position : logStart,
  })
  const index = options.indexEnabled
    ? await restoreIndex(run, {
        disk,
        files: base.files,
        sizes: { slots: options.indexSlots, entries: options.indexEntries },
        log,
      })
    : undefined
  const isQueuesLost = await areQueuesLost(run, disk, options.queueFileSizeBytes, log)
  const from = await replayStart(run, segments, tables, index, isQueuesLost)
  const queuesFrom = await restoreQueues(
    run,
    { disk, files: base.files, queues, fileBytes: options.queueFileSizeBytes, log },
    from,
    logStart,
    isQueuesLost,
  )
  const pump = new Pump(from, {
    queues,
    sumFiles: base.sumFiles,
    delayLevelsMs: options.delayLevelsMs,
    log,
    index: index === undefined ? undefined : (hash, position, time) => index.add(hash, position, time),
    apply: (note, position) => applyChange(base, note, position, queuesFrom),
  })
  const replay = new Replay(queues, pump, log, queuesFrom)
  const found = await readTail(base, { run, from, index, replay })
  if (run.kind === 'adopted' && run.isForeign) await base.sumFiles.forgetFrom(from)
  else base.sumFiles.note(found.blocks)
  const kept = await settleEnd(disk, segments, run, found)
  pump.resume(found.end, found.rolling, found.sums, stateTimes(run).storeTime)
  tables.caughtUp(run.kind === 'new' || run.isClean)
  const chain = chainOf(run, examined.mark)
  const epoch = await markStart(base, examined, found, chain)
  log.info('store.opened', {
    run: run.kind,
    wasClean: run.kind === 'new' || run.isClean,
    logStart: segments.first,
    logEnd: found.end,
    watermark: run.kind === 'own' ? run.mark.position : undefined,
    replayedFrom: from,
    replayedRecords: replay.recordCount,
    damage: found.damage,
    quarantinedBytes: kept,
    topics: queues.topicCount,
    queues: queues.queueCount,
    ms: Math.round(clock.monotonicMs() - beganAtMs),
  })
  return { run, end: found.end, watermark, epoch, chain, pump, index }
}

/** A change record on its way through the pump, new or replayed. */
function applyChange(base: Base, note: ChangeNote, position: LogPosition, queuesFrom: LogPosition): void {
  if (note.table !== STORE_TABLE) {
    base.tables.apply(note, position)
    return
  }
  const deleted = deletedTopicOf(note.change)
  if (deleted === undefined || position < queuesFrom) return
  if (!note.isApplied) base.queues.drop(deleted)
  base.queues.confirmDrop(deleted)
}

interface TailRead {
  readonly run: LastRun
  readonly from: LogPosition
  readonly index: KeyIndex | undefined
  readonly replay: Replay
}

/** Reads the log from where something may be missing to its end, and judges that end. */
async function readTail(base: Base, { run, from, index, replay }: TailRead): Promise<ScanEnd> {
  const { segments, parts } = base
  const mark = run.kind === 'new' ? undefined : run.mark
  const limit = logPosition(mark?.position ?? from)
  let hashAtMark = hashBefore(run)
  const found = await scanLog(segments, from, {
    recordBytesMax: parts.options.maxMessageSizeBytes + RECORD_OVERHEAD_BYTES,
    seals: sealsOf(run, from),
    sums: await sumsOf(run, segments, from),
    segmentBytes: segments.sizeBytes,
    onRecord: (bytes, at, size) => replay.record(bytes, at, size),
    onSeal: (position, rolling) => {
      if (position === mark?.position) hashAtMark ??= rolling
    },
    pause: async () => {
      if (index !== undefined && index.pendingCount > REPLAY_INDEX_MAX)
        await index.flush(limit, parts.clock.now())
    },
  })
  if (run.kind === 'own') judgeEnd(run.mark, found, hashAtMark)
  else if (mark !== undefined) judgeEnd(mark, found, mark.hash)
  return found
}

/** The hash that the mark should have, as far as it is known before the log is read. */
function hashBefore(run: LastRun): number | undefined {
  if (run.kind !== 'own') return undefined
  // Taking the log over was interrupted: the mark counts in a chain that never got a state file.
  if (run.mark.chain !== run.state.chain) return run.mark.hash
  return run.state.position === run.mark.position ? run.state.rolling : undefined
}

/** Sum of the block in which reading begins. The state file knows it of our own log: a check of what is not read again. */
async function sumsOf(run: LastRun, segments: Segments, from: LogPosition): Promise<SumState> {
  const position = run.kind === 'own' ? run.state.position : from
  const blockStart = sumBlockStart(position, segments.sizeBytes)
  const crc = position > blockStart ? crc32(await segments.read(blockStart, position - blockStart)) : 0
  if (run.kind === 'own' && crc !== run.state.sums.crc)
    throw new StoreError(
      'corrupt',
      `the log between positions ${blockStart} and ${position} is not what was written: its checksum differs. Restore its segment ` +
        'from a copy or from a replica; nothing was changed',
    )
  return { blockStart, position, crc }
}

/** What vouches for the records, see seal.ts. */
function sealsOf(run: LastRun, from: LogPosition): ScanOptions['seals'] {
  if (run.kind === 'own') return { from: run.state.position, rolling: run.state.rolling }
  // A new log begins with its first batch; ours without a state file tells with its first seal.
  return run.kind === 'adopted' && run.isForeign ? undefined : { from, rolling: undefined }
}

/** First things in a new or taken-over store; the identity comes last but for the state, as it says that all is set up. */
async function markStart(
  base: Base,
  examined: Examined,
  { end, rolling }: ScanEnd,
  chain: number,
): Promise<number> {
  const { disk, options } = base.parts
  const { watermark, run } = examined
  const isClean = run.kind !== 'new' && run.isClean
  if (base.segments.first === undefined) await base.segments.prepare(end)
  const epochs = (await readEpochs(disk)) ?? [{ epoch: FIRST_EPOCH, start: base.segments.first ?? end }]
  const epoch = epochs.at(-1)?.epoch ?? FIRST_EPOCH
  watermark.want({ position: end, epoch, chain, hash: rolling })
  await new Promise<void>((resolve, reject) =>
    watermark.write((error) => (error === undefined ? resolve() : reject(syncFailure('watermark', error)))),
  )
  await dropTailCopy(disk)
  if (examined.identity === undefined || !isClean) {
    await writeEpochs(disk, epochs)
    const uid = examined.identity?.uid ?? (base.parts.uid ?? randomUUID)()
    await writeIdentity(disk, { uid, cluster: options.clusterName, broker: options.brokerName })
  }
  return epoch
}
