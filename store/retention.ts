import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition, type Timestamp } from '../base/units.ts'
import { RECORD_MIN_BYTES, sizeAt, storeTimestampAt } from '../message/record.ts'
import type { Checkpointer } from './checkpointer.ts'
import type { ConsumeQueue } from './consume-queue.ts'
import type { Disk } from './disk.ts'
import type { KeyIndex } from './key-index.ts'
import type { StoreOptions } from './options.ts'
import type { QueueFiles } from './queue-files.ts'
import type { QueueReader } from './queue-reader.ts'
import type { QueueTable } from './queue-table.ts'
import type { RetentionClock } from './retention-clock.ts'
import type { Segments } from './segments.ts'
import { StoreError } from './store.ts'
import type { SumFiles } from './sum-files.ts'

export interface RetentionParts {
  readonly disk: Disk
  readonly options: StoreOptions
  readonly clock: Clock
  readonly log: Log
  readonly segments: Segments
  readonly queues: QueueTable
  readonly queueFiles: QueueFiles
  readonly sumFiles: SumFiles
  readonly reader: QueueReader
  readonly index: KeyIndex | undefined
  readonly checkpointer: Checkpointer
  readonly retentionClock: RetentionClock
}

/** cleanResourceInterval and deleteFileBatchMax of RocketMQ. */
const INTERVAL_MS = 10_000
const BATCH_MAX = 10
/** While writes are refused, space is looked at more often. */
const FULL_INTERVAL_MS = 1000
const HOUR_MS = 3_600_000

/**
 * Deletes old segments and what leads only to them, and refuses writes when the disk is nearly full. Deletes by positive policy
 * alone: retention is over, or the operator allowed to delete unexpired files. The last segments, which recovery needs, stay.
 */
export class Retention {
  readonly #parts: RetentionParts
  #lastMs = Number.NEGATIVE_INFINITY
  #waiting = 0
  #busy: Promise<void> = Promise.resolve()
  #usedRatio = 0
  #refusal: StoreError | undefined
  /** Store time of the first record of each segment that was asked for. */
  readonly #firstTimes = new Map<LogPosition, Timestamp>()

  constructor(parts: RetentionParts) {
    this.#parts = parts
  }

  get usedRatio(): number {
    return this.#usedRatio
  }

  /** Why no message is taken: the disk is too full. */
  get refusal(): StoreError | undefined {
    return this.#refusal
  }

  /** Of the first record of the log, if there is one and it was looked at. */
  get earliestStoreTimestamp(): Timestamp | undefined {
    return this.#firstTimes.get(this.#parts.segments.first ?? logPosition(0))
  }

  tick(): void {
    const { clock, retentionClock } = this.#parts
    const nowMs = clock.monotonicMs()
    retentionClock.advance(clock.now(), nowMs)
    const intervalMs = this.#refusal === undefined ? INTERVAL_MS : FULL_INTERVAL_MS
    if (this.#waiting > 0 || nowMs - this.#lastMs < intervalMs) return
    this.#lastMs = nowMs
    void this.#run(() => this.#routine())
  }

  /** By hand: whatever the hour, and by the wall clock. Resolves to the number of deleted segments. */
  async deleteExpired(): Promise<number> {
    let deleted = 0
    await this.#run(async () => {
      deleted = await this.#deleteOlder(this.#parts.clock.now())
    })
    return deleted
  }

  /** First look at the disk, before anything is put. */
  async start(): Promise<void> {
    await this.#run(async () => {
      await this.#look()
      await this.#firstTime(this.#parts.segments.first)
    })
  }

  /** One thing at a time. Never rejects. */
  #run(work: () => Promise<void>): Promise<void> {
    this.#waiting++
    this.#busy = this.#busy
      .then(work)
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        this.#parts.log.warn('store.retention-failed', { error: message })
      })
      .finally(() => {
        this.#waiting--
      })
    return this.#busy
  }

  /** Resolves when nothing is under way. */
  settled(): Promise<void> {
    return this.#busy
  }

  async #routine(): Promise<void> {
    const { options, clock, retentionClock, segments } = this.#parts
    await this.#look()
    await this.#firstTime(segments.first)
    const isHour = options.deleteWhenHours.includes(new Date(clock.now()).getHours())
    if (options.deletesUnexpiredWhenFull && this.#usedRatio > options.diskForceRatio)
      await this.#deleteFirst(await this.#deletable(() => true, 1), 'disk above diskSpaceCleanForciblyRatio')
    else if (isHour || this.#usedRatio > options.diskCleanRatio) await this.#deleteOlder(retentionClock.value)
    if (segments.expired.length > 0) await this.#dropExpired()
  }

  async #look(): Promise<void> {
    const { disk, options, log } = this.#parts
    const { totalBytes, freeBytes } = await disk.space()
    this.#usedRatio = totalBytes === 0 ? 0 : 1 - freeBytes / totalBytes
    const isFull = this.#usedRatio > options.diskRefuseRatio
    if (isFull === (this.#refusal !== undefined)) return
    const percent = Math.round(this.#usedRatio * 100)
    const limit = Math.round(options.diskRefuseRatio * 100)
    if (!isFull) log.info('store.disk-has-space', { usedPercent: percent })
    else log.error('store.disk-full', { usedPercent: percent, limitPercent: limit })
    this.#refusal = isFull
      ? new StoreError(
          'unavailable',
          `the disk is ${percent} % full, messages are refused above ${limit} % (diskSpaceWarningLevelRatio): free space, shorten ` +
            'fileReservedTime or enlarge the volume; writing goes on by itself',
        )
      : undefined
  }

  async #deleteOlder(now: Timestamp): Promise<number> {
    const horizon = now - this.#parts.options.retentionHours * HOUR_MS
    const count = await this.#deletable((lastTime) => lastTime < horizon, BATCH_MAX)
    return this.#deleteFirst(count, 'older than fileReservedTime')
  }

  /** How many of the oldest segments may go: whole ones, below what recovery reads. */
  async #deletable(mayGo: (lastTime: Timestamp) => boolean, max: number): Promise<number> {
    const { checkpointer } = this.#parts
    const { starts } = this.#parts.segments
    let count = 0
    while (count < max) {
      const next = starts[count + 1]
      if (next === undefined || next > checkpointer.position) break
      // The last record of a segment is about as old as the first one of the next.
      const time = await this.#firstTime(next)
      if (time === undefined || !mayGo(time)) break
      count++
    }
    return count
  }

  async #firstTime(start: LogPosition | undefined): Promise<Timestamp | undefined> {
    if (start === undefined) return undefined
    const known = this.#firstTimes.get(start)
    if (known !== undefined) return known
    const head = await this.#parts.segments.read(
      start,
      Math.min(RECORD_MIN_BYTES, this.#parts.segments.sizeBytes),
    )
    if (head.length < RECORD_MIN_BYTES || sizeAt(head, 0) <= 0) return undefined
    const time = storeTimestampAt(head, 0)
    this.#firstTimes.set(start, time)
    return time
  }

  async #deleteFirst(count: number, why: string): Promise<number> {
    const { segments, checkpointer, log } = this.#parts
    const newStart = segments.starts[count]
    if (count === 0 || newStart === undefined) return 0
    const minima = await this.#minimaAt(newStart)
    await this.#firstTime(newStart)
    // All at once: the log, its queues and the next state file begin at the same place.
    for (const [queue, min] of minima) {
      queue.minOffset = min
      queue.topic.stateText = undefined
    }
    segments.beginAt(newStart)
    checkpointer.logStart = newStart
    log.info('store.segments-deleted', { count, logStart: newStart, why })
    await this.#dropExpired()
    return count
  }

  /** Files go only when the state file names the new start: one that is missing later is then told from a loss. */
  async #dropExpired(): Promise<void> {
    const { segments, checkpointer, queues, queueFiles, sumFiles, index } = this.#parts
    if (!(await checkpointer.run(false))) return
    for (const expired of segments.expired) this.#firstTimes.delete(expired)
    await segments.dropExpired()
    for (const queue of [...queues.queues()]) if (!queue.isDropped) await queueFiles.removeExpired(queue)
    await sumFiles.removeBelow(segments.first ?? logPosition(0))
    await index?.removeExpired(segments.first ?? logPosition(0))
  }

  /** First offsets of the queues for a log that begins at the position, where they change. */
  async #minimaAt(start: LogPosition): Promise<ReadonlyMap<ConsumeQueue, number>> {
    const minima = new Map<ConsumeQueue, number>()
    for (const queue of [...this.#parts.queues.queues()]) {
      if (queue.isDropped || queue.maxOffset === queue.minOffset) continue
      const min = await this.#firstAtOrAbove(queue, start)
      if (min !== queue.minOffset) minima.set(queue, min)
    }
    return minima
  }

  async #firstAtOrAbove(queue: ConsumeQueue, position: LogPosition): Promise<number> {
    let low = queue.minOffset
    let high: number = queue.maxOffset
    // Most queues have nothing to give up; the others are searched.
    let middle = low
    while (low < high) {
      const entry = await this.#parts.reader.entry(queue, middle)
      if (entry !== undefined && entry.position >= position) high = middle
      else low = middle + 1
      middle = Math.floor((low + high) / 2)
    }
    return low
  }
}
