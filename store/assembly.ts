import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { logPosition, timestamp } from '../base/units.ts'

import { Appender } from './appender.ts'
import type { Batch } from './batch.ts'
import { writeAbort } from './checkpoint.ts'
import { Checkpointer } from './checkpointer.ts'
import { CommitLog } from './commit-log.ts'
import { type Disk, DiskError, type DiskLock } from './disk.ts'
import { Flusher } from './flusher.ts'
import type { KeyIndex } from './key-index.ts'
import { LOCK_FILE } from './layout.ts'
import { StoreLife } from './life.ts'
import { LogReader } from './log-reader.ts'
import { OpenFiles } from './open-files.ts'
import { type Base, prepare, type Recovered, recover, type StoreParts } from './opening.ts'
import type { StoreOptions } from './options.ts'
import type { Pump } from './pump.ts'
import { giveBack, Puts } from './puts.ts'
import type { QueueFiles } from './queue-files.ts'
import { QueueReader } from './queue-reader.ts'
import type { QueueTable } from './queue-table.ts'
import { stateTimes } from './recovery.ts'
import { Retention } from './retention.ts'
import { RetentionClock } from './retention-clock.ts'
import type { Segments } from './segments.ts'
import { StoreError } from './store.ts'
import type { LoggedTables } from './tables.ts'
import type { Watermark } from './watermark.ts'

/** The parts of an open store. */
export interface OpenedStore {
  readonly disk: Disk
  readonly options: StoreOptions
  readonly clock: Clock
  readonly trace: Log
  readonly lock: DiskLock
  readonly files: OpenFiles
  readonly segments: Segments
  readonly queues: QueueTable
  readonly queueFiles: QueueFiles
  readonly index: KeyIndex | undefined
  readonly tables: LoggedTables
  readonly watermark: Watermark
  readonly flusher: Flusher
  readonly appender: Appender
  readonly log: CommitLog
  readonly pump: Pump
  readonly puts: Puts
  readonly logReader: LogReader
  readonly reader: QueueReader
  readonly checkpointer: Checkpointer
  readonly retention: Retention
  readonly life: StoreLife
}

const OPEN_FILES_MAX = 512

/** Finds out what the last run left, brings it in order and puts the parts together. */
export async function assemble(parts: StoreParts): Promise<OpenedStore> {
  const lock = await parts.disk.lock(LOCK_FILE)
  const files = new OpenFiles(parts.disk, OPEN_FILES_MAX)
  let base: Base | undefined
  let recovered: Recovered | undefined
  try {
    base = await prepare(parts, files)
    recovered = await recover(base)
    return await start(base, recovered, lock)
  } catch (error) {
    await base?.segments.close().catch(() => undefined)
    await recovered?.watermark.close()
    await files.close()
    await lock.release()
    throw named(error)
  }
}

const WRONG_KIND = new Set(['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY'])

/** A file where a folder should be, or a folder where a file should be, is damage like any other. */
function named(error: unknown): unknown {
  if (!(error instanceof DiskError) || !WRONG_KIND.has(error.code)) return error
  return new StoreError(
    'corrupt',
    `${error.message}: something else lies where the store keeps a file or folder of its own. Move it away or restore the store from a copy`,
    { cause: error },
  )
}

async function start(base: Base, recovered: Recovered, lock: DiskLock): Promise<OpenedStore> {
  const { parts, segments, queues, queueFiles, sumFiles, tables, files } = base
  const { disk, options, clock, log: trace } = parts
  const { watermark, pump, index, chain } = recovered
  const life = new StoreLife()
  const { flusher, appender, log } = writers(base, recovered, life)
  const retentionClock = retentionClockOf(recovered, clock)
  const { logReader, reader } = readers(base, appender, pump)
  const common = { disk, options, clock, segments, queues, queueFiles, sumFiles, index, retentionClock }
  const checkpointer = new Checkpointer(
    { ...common, log: trace, tail: appender.tail, flusher, pump, tables, chain },
    segments.first ?? recovered.end,
    (error) => life.fail(error),
  )
  const retention = new Retention({ ...common, log: trace, reader, checkpointer })
  await writeAbort(disk)
  await firstCheckpoint(checkpointer, recovered, life)
  await retention.start()
  return {
    disk,
    options,
    clock,
    trace,
    lock,
    files,
    segments,
    queues,
    queueFiles,
    index,
    tables,
    watermark,
    flusher,
    appender,
    log,
    pump,
    puts: new Puts(appender, log, queues, clock, options, () => life.refusal ?? retention.refusal),
    logReader,
    reader,
    checkpointer,
    retention,
    life,
  }
}

/** Our own state file is good enough to go on with; a log that was just taken over has to be ours on disk first. */
async function firstCheckpoint(
  checkpointer: Checkpointer,
  { index, run }: Recovered,
  life: StoreLife,
): Promise<void> {
  if (await checkpointer.run(false)) await index?.removeDoomed()
  else if (life.failure !== undefined) throw life.failure
  else if (run.kind !== 'own')
    throw new StoreError(
      'unavailable',
      'the first checkpoint could not be written; the log of this start says why',
    )
}

function writers(
  { parts, segments }: Base,
  { end, pump, watermark, epoch, chain }: Recovered,
  life: StoreLife,
): Pick<OpenedStore, 'flusher' | 'appender' | 'log'> {
  const { options, clock, log: trace } = parts
  const isSynced = options.flush === 'SYNC_FLUSH'
  const flusher = new Flusher(
    end,
    { intervalMs: isSynced ? 0 : options.flushIntervalMs, watermark: options.watermark ?? 'lagging' },
    { segments, rolling: pump.rolling, watermark, clock, epoch, chain },
  )
  const appender = new Appender(end, pump.rolling, pump.sums, options.tailCacheBytes, {
    segments,
    clock,
    failed: (error) => life.fail(error),
  })
  const log = new CommitLog(
    end,
    { ...options, isSynced },
    { appender, segments, flusher, clock, log: trace, defer: parts.defer ?? ((run) => setImmediate(run)) },
    {
      acknowledged: (batch: Batch) => pump.dispatch(batch),
      refused: giveBack,
      failed: (error) => life.fail(error),
    },
  )
  life.onFailure((error) => {
    flusher.stop(error)
    log.stop(error)
  })
  return { flusher, appender, log }
}

function readers(base: Base, appender: Appender, pump: Pump): Pick<OpenedStore, 'logReader' | 'reader'> {
  const { parts, segments, cache, queues, queueFiles, sumFiles } = base
  const logReader = new LogReader({
    tail: appender.tail,
    segments,
    cache,
    sumFiles,
    end: () => pump.position,
  })
  const reader = new QueueReader({
    queues,
    files: queueFiles,
    log: logReader,
    trace: parts.log,
    segmentBytes: segments.sizeBytes,
    tagsCode: (queue, record) => pump.tagsCodeOf(queue, record),
    logStart: () => segments.first ?? logPosition(0),
    readable: () => pump.position,
  })
  return { logReader, reader }
}

function retentionClockOf({ run, pump }: Recovered, clock: Clock): RetentionClock {
  const seen = timestamp(Math.max(stateTimes(run).retentionTime, pump.lastStoreTimestamp))
  return new RetentionClock(seen, clock.now(), clock.monotonicMs())
}
