import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition } from '../base/units.ts'

import type { ChangeNote } from './batch.ts'
import { BlockCache } from './block-cache.ts'
import { deletedTopicOf, STORE_TABLE } from './change.ts'
import type { Disk } from './disk.ts'
import { FIRST_EPOCH, readEpochs, writeEpochs, writeIdentity } from './identity.ts'
import type { KeyIndex } from './key-index.ts'
import { COMMIT_LOG_FOLDER, CONFIG_FOLDER, INDEX_FOLDER, QUEUE_FOLDER, SIDE_FOLDER } from './layout.ts'
import { type ScanEnd, scanLog } from './log-scan.ts'
import { LogSums, type SumState } from './log-sums.ts'
import type { OpenFiles } from './open-files.ts'
import type { StoreOptions } from './options.ts'
import { Pump } from './pump.ts'
import { RECORD_OVERHEAD_BYTES } from './puts.ts'
import { QueueFiles } from './queue-files.ts'
import { QueueTable } from './queue-table.ts'
import {
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
import { Segments, syncFolder } from './segments.ts'
import type { LoggedTable } from './store.ts'
import { LoggedTables } from './tables.ts'
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
  readonly tables: LoggedTables
}

/** What reading the log made of it. */
export interface Recovered {
  readonly run: LastRun
  readonly end: LogPosition
  readonly watermark: Watermark
  readonly epoch: number
  readonly sums: LogSums
  readonly pump: Pump
  readonly index: KeyIndex | undefined
}

export async function prepare(parts: StoreParts, files: OpenFiles): Promise<Base> {
  const { disk, options, log } = parts
  for (const folder of [COMMIT_LOG_FOLDER, QUEUE_FOLDER, INDEX_FOLDER, CONFIG_FOLDER, SIDE_FOLDER])
    await disk.makeDirectory(folder)
  await syncFolder(disk, '.')
  const cache = new BlockCache(options.blockCacheBytes)
  return {
    parts,
    files,
    cache,
    segments: new Segments(disk, files, options.segmentSizeBytes),
    queues: new QueueTable(),
    queueFiles: new QueueFiles(disk, files, cache, options.queueFileSizeBytes),
    tables: new LoggedTables(disk, parts.tables, log),
  }
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
  const from = await replayStart(run, segments, tables, index)
  const queuesFrom = await restoreQueues(
    run,
    { disk, files: base.files, queues, fileBytes: options.queueFileSizeBytes, log },
    from,
    logStart,
  )
  const pump = new Pump(from, {
    queues,
    delayLevelsMs: options.delayLevelsMs,
    log,
    index: index === undefined ? undefined : (hash, position, time) => index.add(hash, position, time),
    apply: (note, position) => applyChange(base, note, position, queuesFrom),
  })
  const sums = new LogSums(sumState(run, segments, from), segments.sizeBytes, () => undefined)
  const replay = new Replay(queues, pump, log, queuesFrom)
  const found = await readTail(base, { run, from, sums, index, replay })
  const kept = await settleEnd(disk, segments, run, found)
  pump.resume(found.end, stateTimes(run).storeTime)
  tables.caughtUp()
  const epoch = await markStart(base, examined, watermark, sums, found.end)
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
  return { run, end: found.end, watermark, epoch, sums, pump, index }
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

/** Sums go on where the state file has them; otherwise a new chain begins with the block that replay begins in. */
function sumState(run: LastRun, segments: Segments, from: LogPosition): SumState {
  if (run.kind === 'own') return run.state.sums
  return { blockStart: LogSums.blockStart(from, segments.sizeBytes), chain: 0 }
}

interface TailRead {
  readonly run: LastRun
  readonly from: LogPosition
  readonly sums: LogSums
  readonly index: KeyIndex | undefined
  readonly replay: Replay
}

/** Reads the log from where something may be missing to its end, and judges that end. */
async function readTail(base: Base, tail: TailRead): Promise<ScanEnd> {
  const { segments, parts } = base
  const { run, from, sums, index } = tail
  const mark = run.kind === 'new' ? undefined : run.mark
  let hashAtMark: number | undefined
  // The block in which replay begins enters the sums from its start.
  if (sums.position < from) {
    const before = await segments.read(sums.position, from - sums.position)
    sums.add(sums.position, before)
  }
  const limit = logPosition(mark?.position ?? from)
  const found = await scanLog(segments, from, {
    recordBytesMax: parts.options.maxMessageSizeBytes + RECORD_OVERHEAD_BYTES,
    sums,
    onRecord: (bytes, at, size) => tail.replay.record(bytes, at, size),
    mark:
      run.kind === 'own'
        ? {
            position: run.mark.position,
            reached: () => {
              hashAtMark = sums.hash
            },
          }
        : undefined,
    pause: async () => {
      if (index !== undefined && index.pendingCount > REPLAY_INDEX_MAX)
        await index.flush(limit, parts.clock.now())
    },
  })
  judgeEnd(mark, found, hashAtMark)
  return found
}

/** First things in a new or taken-over store; the identity comes last but for the state, as it says that all is set up. */
async function markStart(
  base: Base,
  examined: Examined,
  watermark: Watermark,
  sums: LogSums,
  end: LogPosition,
): Promise<number> {
  const { disk, options } = base.parts
  if (base.segments.first === undefined) await base.segments.prepare(end)
  sums.skipTo(end)
  const epochs = (await readEpochs(disk)) ?? [{ epoch: FIRST_EPOCH, start: base.segments.first ?? end }]
  const epoch = epochs.at(-1)?.epoch ?? FIRST_EPOCH
  watermark.want({ position: end, epoch, hash: sums.hash })
  await new Promise<void>((resolve, reject) =>
    watermark.write((error) => (error === undefined ? resolve() : reject(error))),
  )
  if (examined.identity === undefined) {
    await writeEpochs(disk, epochs)
    const uid = (base.parts.uid ?? randomUUID)()
    await writeIdentity(disk, { uid, cluster: options.clusterName, broker: options.brokerName })
  }
  return epoch
}
