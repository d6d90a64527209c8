import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { logPosition } from '../base/units.ts'
import type { ChangeNote } from './batch.ts'
import { BlockCache } from './block-cache.ts'
import { CommitLog } from './commit-log.ts'
import type { Disk, DiskLock } from './disk.ts'
import { Flusher } from './flusher.ts'
import {
  COMMIT_LOG_FOLDER,
  CONFIG_FOLDER,
  INDEX_FOLDER,
  LOCK_FILE,
  QUEUE_FOLDER,
  SIDE_FOLDER,
} from './layout.ts'
import { StoreLife } from './life.ts'
import { LogReader } from './log-reader.ts'
import { scanLog } from './log-scan.ts'
import { LogSums } from './log-sums.ts'
import { OpenFiles } from './open-files.ts'
import type { StoreOptions } from './options.ts'
import { Pump } from './pump.ts'
import { giveBack, Puts, RECORD_OVERHEAD_BYTES } from './puts.ts'
import { QueueFiles } from './queue-files.ts'
import { QueueReader } from './queue-reader.ts'
import { QueueTable } from './queue-table.ts'
import { Replay } from './replay.ts'
import { Segments } from './segments.ts'
import type { LoggedTable } from './store.ts'
import { Watermark } from './watermark.ts'

export interface StoreParts {
  readonly disk: Disk
  readonly options: StoreOptions
  /** Tables over the log. Their state is restored before openStore resolves. */
  readonly tables: readonly LoggedTable[]
  readonly clock: Clock
  readonly log: Log
  /** Runs a function after the rest of this turn of the loop; setImmediate unless a test needs its own. */
  readonly defer?: (run: () => void) => void
}

/** The parts of an open store. */
export interface OpenedStore {
  readonly options: StoreOptions
  readonly clock: Clock
  readonly trace: Log
  readonly lock: DiskLock
  readonly files: OpenFiles
  readonly segments: Segments
  readonly queues: QueueTable
  readonly queueFiles: QueueFiles
  readonly watermark: Watermark
  readonly flusher: Flusher
  readonly log: CommitLog
  readonly pump: Pump
  readonly puts: Puts
  readonly logReader: LogReader
  readonly reader: QueueReader
  readonly life: StoreLife
}

const OPEN_FILES_MAX = 512

/** Finds out what the last run left, brings it in order and puts the parts together. */
export async function assemble(parts: StoreParts): Promise<OpenedStore> {
  const { disk, options, clock, log: trace } = parts
  const lock = await disk.lock(LOCK_FILE)
  for (const folder of [COMMIT_LOG_FOLDER, QUEUE_FOLDER, INDEX_FOLDER, CONFIG_FOLDER, SIDE_FOLDER])
    await disk.makeDirectory(folder)
  const files = new OpenFiles(disk, OPEN_FILES_MAX)
  const cache = new BlockCache(options.blockCacheBytes)
  const segments = new Segments(disk, files, options.segmentSizeBytes)
  await segments.load(trace)
  const queues = new QueueTable()
  const queueFiles = new QueueFiles(disk, files, cache, options.queueFileSizeBytes)
  const byName = new Map(parts.tables.map((table) => [table.name, table]))
  const apply = (note: ChangeNote): void => {
    if (!note.isApplied) byName.get(note.table)?.apply(note.change)
  }
  const start = segments.first ?? logPosition(0)
  const pump = new Pump(start, { delayLevelsMs: options.delayLevelsMs, log: trace, index: undefined, apply })
  const sums = new LogSums({ blockStart: start, chain: 0 }, segments.sizeBytes, () => undefined)
  const replay = new Replay(queues, pump, trace)
  const recordBytesMax = options.maxMessageSizeBytes + RECORD_OVERHEAD_BYTES
  const found = await scanLog(segments, start, {
    recordBytesMax,
    sums,
    onRecord: (bytes, at, size) => replay.record(bytes, at, size),
  })
  replay.finish(found.end)
  if (segments.first === undefined) await segments.prepare(start)
  const { watermark } = await Watermark.open(disk)
  const isSynced = options.flush === 'SYNC_FLUSH'
  const flusher = new Flusher(
    found.end,
    { intervalMs: isSynced ? 0 : options.flushIntervalMs, watermark: 'lagging' },
    { segments, sums, watermark, clock, epoch: 1 },
  )
  const life = new StoreLife()
  const log = new CommitLog(
    found.end,
    { ...options, isSynced },
    { segments, flusher, clock, log: trace, defer: parts.defer ?? ((run) => setImmediate(run)) },
    {
      acknowledged: (batch) => pump.dispatch(batch),
      refused: giveBack,
      failed: (error) => life.fail(error),
    },
  )
  const puts = new Puts(log, queues, clock, options, () => life.refusal)
  const logReader = new LogReader(log.tail, segments, cache, () => pump.position)
  const reader = new QueueReader({
    queues,
    files: queueFiles,
    log: logReader,
    logStart: () => segments.first ?? logPosition(0),
    readable: () => pump.position,
  })
  return {
    options,
    clock,
    trace,
    lock,
    files,
    segments,
    queues,
    queueFiles,
    watermark,
    flusher,
    log,
    pump,
    puts,
    logReader,
    reader,
    life,
  }
}
