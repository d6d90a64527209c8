import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type LogPosition, type Timestamp, timestamp } from '../base/units.ts'
import { writeCheckpoint } from './checkpoint.ts'
import type { ConsumeQueue } from './consume-queue.ts'
import type { Disk } from './disk.ts'
import type { Flusher } from './flusher.ts'
import type { KeyIndex } from './key-index.ts'
import type { Pump } from './pump.ts'
import type { QueueFiles } from './queue-files.ts'
import type { QueueTable } from './queue-table.ts'
import type { RetentionClock } from './retention-clock.ts'
import type { Segments } from './segments.ts'
import { queuesText, type StoreState, writeState } from './state.ts'
import { StoreError } from './store.ts'
import type { SumFiles } from './sum-files.ts'
import type { LoggedTables, TableSnapshot } from './tables.ts'
import type { Tail } from './tail.ts'

export interface CheckpointerParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly segments: Segments
  readonly tail: Tail
  readonly flusher: Flusher
  readonly pump: Pump
  readonly queues: QueueTable
  readonly queueFiles: QueueFiles
  readonly sumFiles: SumFiles
  readonly index: KeyIndex | undefined
  readonly tables: LoggedTables
  readonly retentionClock: RetentionClock
  readonly chain: number
}

/** While something changes, a checkpoint begins this long after the last one. */
const INTERVAL_MS = 5000
/** Or after this many bytes of log: what recovery after a kill has to read. */
const INTERVAL_BYTES = 256 * 1024 * 1024
/** Slots of the index stay in memory this long after the last entry. */
const INDEX_MEMORY_MS = 60_000

/** Everything of one moment: what the log up to `position` has made of queues, index and tables. */
interface Moment {
  readonly position: LogPosition
  readonly storeTime: Timestamp
  readonly queues: readonly ConsumeQueue[]
  readonly snapshots: readonly TableSnapshot[]
  readonly state: Omit<StoreState, 'queues' | 'isOld' | 'index' | 'isClean' | 'retentionTime'>
  readonly queuesText: string
}

/**
 * Brings to disk what is derived from the log, in an order that a crash at any point leaves sound: the log itself first and the
 * watermark over it, then queues and index, then the state file that says how far they are, then the JSON files that it
 * already knows by their hashes, and last RocketMQ's checkpoint. So nothing derived is ever ahead of the durable log.
 */
export class Checkpointer {
  readonly #parts: CheckpointerParts
  readonly #failed: (error: StoreError) => void
  #lastMs: number
  #lastPosition: LogPosition
  #lastQueueTime = timestamp(0)
  #indexUsedMs = 0
  #running: Promise<void> | undefined
  /** What the next state file names as the start of the log. */
  logStart: LogPosition
  #hasFailed = false

  constructor(parts: CheckpointerParts, logStart: LogPosition, failed: (error: StoreError) => void) {
    this.#parts = parts
    this.#failed = failed
    this.logStart = logStart
    this.#lastMs = parts.clock.monotonicMs()
    this.#lastPosition = parts.pump.position
  }

  /** Of the last checkpoint: recovery reads the log from here. */
  get position(): LogPosition {
    return this.#lastPosition
  }

  /** Starts a checkpoint when one is due. */
  tick(): void {
    const { clock, pump, tables, queues, index } = this.#parts
    const sinceMs = clock.monotonicMs() - this.#lastMs
    const grown = pump.position - this.#lastPosition
    const isChanged = grown > 0 || tables.isDirty || queues.removals.length > 0 || this.#hasFailed
    if (this.#running !== undefined) return
    if (isChanged && (sinceMs >= INTERVAL_MS || grown >= INTERVAL_BYTES)) void this.run(false)
    else if (index !== undefined && clock.monotonicMs() - this.#indexUsedMs > INDEX_MEMORY_MS) {
      this.#indexUsedMs = clock.monotonicMs()
      void index.forgetPages()
    }
  }

  /** Makes a checkpoint now, after the one under way. Resolves in any case; a failed one is tried again by tick. */
  async run(isClean: boolean): Promise<boolean> {
    while (this.#running !== undefined) await this.#running
    let isDone = false
    this.#running = this.#make(isClean).then((done) => {
      isDone = done
      this.#running = undefined
    })
    await this.#running
    return isDone
  }

  async #make(isClean: boolean): Promise<boolean> {
    const { clock, log } = this.#parts
    this.#lastMs = clock.monotonicMs()
    const moment = this.#capture()
    try {
      await this.#parts.flusher.reach(moment.position)
      await this.#writeDerived(moment)
      await this.#writeState(moment, isClean)
      await this.#writeTables(moment)
      await this.#writeTimes(moment, moment.storeTime)
      this.#lastPosition = moment.position
      this.#hasFailed = false
      this.#trim()
      return true
    } catch (error) {
      this.#hasFailed = true
      for (const queue of moment.queues)
        if (!queue.isDirty && !queue.isDropped) this.#parts.queues.noteDirty(queue)
      this.#parts.tables.failed(moment.snapshots)
      if (error instanceof StoreError) this.#failed(error)
      else
        log.warn('store.checkpoint-failed', { error: error instanceof Error ? error.message : String(error) })
      return false
    }
  }

  #capture(): Moment {
    const { pump, queues, tables } = this.#parts
    const position = pump.position
    const dirty = queues.takeDirty()
    const snapshots = tables.snapshots(position)
    return {
      position,
      storeTime: pump.lastStoreTimestamp,
      queues: dirty,
      snapshots,
      state: {
        position,
        rolling: pump.rolling,
        sums: pump.sums,
        logStart: this.logStart,
        chain: this.#parts.chain,
        storeTime: pump.lastStoreTimestamp,
        tables: tables.generations(position, snapshots),
      },
      queuesText: queuesText(queues.topics()),
    }
  }

  async #writeDerived(moment: Moment): Promise<void> {
    const { queues, queueFiles, index, clock } = this.#parts
    for (const folder of queues.removals) {
      await queueFiles.remove(folder)
      queues.removed(folder)
    }
    for (const queue of moment.queues) await queueFiles.write(queue, moment.position)
    for (const queue of moment.queues) await queueFiles.sync(queue)
    await this.#parts.sumFiles.write(moment.position)
    if (index === undefined) return
    if (index.pendingCount > 0) this.#indexUsedMs = clock.monotonicMs()
    // A Java broker drops an index file that is newer than the checkpoint, so the checkpoint goes first.
    await this.#writeTimes(moment, this.#lastQueueTime)
    await index.flush(moment.position, clock.now())
  }

  async #writeState(moment: Moment, isClean: boolean): Promise<void> {
    const { disk, index, retentionClock, tables } = this.#parts
    const state = {
      ...moment.state,
      isClean,
      retentionTime: retentionClock.value,
      index: index?.states,
    }
    await writeState(disk, state, moment.queuesText)
    tables.adopt(moment.state.tables)
  }

  async #writeTables(moment: Moment): Promise<void> {
    for (const snapshot of moment.snapshots) await this.#parts.tables.write(snapshot)
  }

  async #writeTimes(moment: Moment, queueTime: Timestamp): Promise<void> {
    const { storeTime } = moment
    this.#lastQueueTime = queueTime
    await writeCheckpoint(this.#parts.disk, { logTime: storeTime, queueTime, indexTime: storeTime })
  }

  /** Queue entries whose records have left memory need not be in memory either. */
  #trim(): void {
    const { tail, pump, queues } = this.#parts
    const start = tail.start(pump.position)
    for (const queue of queues.queues()) queue.forgetBelow(start)
  }
}
