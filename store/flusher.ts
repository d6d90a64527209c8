import type { Clock } from '../base/clock.ts'
import type { LogPosition } from '../base/units.ts'
import type { Batch } from './batch.ts'
import type { DiskFile } from './disk.ts'
import type { Segments } from './segments.ts'
import type { Watermark } from './watermark.ts'

export interface FlusherOptions {
  /** ASYNC_FLUSH: a datasync in the background this often. 0 under SYNC_FLUSH: every batch brings its own. */
  readonly intervalMs: number
  /** exact: a sync counts only when the watermark vouches for it on disk, too. */
  readonly watermark: 'exact' | 'lagging'
}

/**
 * When written bytes become durable. One sync at a time; what a sync covers is what was written when it began. The watermark
 * follows: at once (exact), or on the next tick (lagging).
 */
export class Flusher {
  readonly #options: FlusherOptions
  readonly #segments: Segments
  readonly #watermark: Watermark
  readonly #clock: Clock
  readonly #epoch: number
  readonly #chain: number
  /** Files with writes that no datasync covers yet. */
  #dirty = new Map<LogPosition, DiskFile>()
  #written: LogPosition
  /** Rolling CRC of the log below it. */
  #rolling: number
  #flushed: LogPosition
  #isSyncing = false
  #afterSync: (() => void)[] = []
  #lastSyncMs: number
  #isMarking = false
  #reaching: { position: LogPosition; resolve: () => void; reject: (error: Error) => void }[] = []

  constructor(
    start: LogPosition,
    options: FlusherOptions,
    parts: {
      segments: Segments
      rolling: number
      watermark: Watermark
      clock: Clock
      epoch: number
      chain: number
    },
  ) {
    this.#options = options
    this.#segments = parts.segments
    this.#rolling = parts.rolling
    this.#watermark = parts.watermark
    this.#clock = parts.clock
    this.#epoch = parts.epoch
    this.#chain = parts.chain
    this.#written = start
    this.#flushed = start
    this.#lastSyncMs = parts.clock.monotonicMs()
  }

  /** Everything below is on stable storage. */
  get flushed(): LogPosition {
    return this.#flushed
  }

  onWritten(segment: LogPosition, file: DiskFile): void {
    this.#dirty.set(segment, file)
  }

  /** A whole batch is written. */
  advance(batch: Batch): void {
    this.#written = batch.end
    this.#rolling = batch.rolling
  }

  /** Makes durable what is written now. Never called while another sync runs. */
  sync(done: (error: Error | undefined) => void): void {
    this.#isSyncing = true
    this.#lastSyncMs = this.#clock.monotonicMs()
    const target = this.#written
    const hash = this.#rolling
    const files = [...this.#dirty.values()]
    this.#dirty = new Map()
    const finish = (error: Error | undefined): void => {
      this.#isSyncing = false
      if (error === undefined) this.#onFlushed(target)
      done(error)
      const waiting = this.#afterSync
      this.#afterSync = []
      for (const resume of waiting) resume()
    }
    const onSynced = (): void => {
      this.#watermark.want({ position: target, epoch: this.#epoch, chain: this.#chain, hash })
      if (this.#options.watermark === 'exact') this.#watermark.write(finish)
      else finish(undefined)
    }
    this.#syncFiles(files, 0, (error) => (error === undefined ? onSynced() : finish(error)))
  }

  #onFlushed(target: LogPosition): void {
    const isNewSegment = this.#segments.startOf(target) > this.#segments.startOf(this.#flushed)
    this.#flushed = target
    if (isNewSegment) void this.#segments.retireWriters(target)
  }

  #syncFiles(files: readonly DiskFile[], index: number, done: (error: Error | undefined) => void): void {
    const file = files[index]
    if (file === undefined) done(undefined)
    else
      file.datasync((error) => {
        if (error !== undefined) done(error)
        else this.#syncFiles(files, index + 1, done)
      })
  }

  /** Background work that is due. `failed` when the disk could not sync. */
  tick(failed: (error: Error) => void): void {
    const nowMs = this.#clock.monotonicMs()
    const isDue = this.#options.intervalMs > 0 && nowMs - this.#lastSyncMs >= this.#options.intervalMs
    if (isDue && !this.#isSyncing && this.#written > this.#flushed)
      this.sync((error) => {
        if (error !== undefined) failed(error)
      })
    this.#mark(failed)
  }

  #mark(failed: (error: Error) => void): void {
    this.#answerReached()
    if (this.#isMarking || this.#watermark.durable >= this.#flushed) return
    this.#isMarking = true
    this.#watermark.write((error) => {
      this.#isMarking = false
      if (error !== undefined) failed(error)
      else this.#answerReached()
    })
  }

  /** Resolves when the watermark vouches on disk for everything below the position: what is derived from it may follow. */
  reach(position: LogPosition): Promise<void> {
    if (this.#watermark.durable >= position) return Promise.resolve()
    return new Promise((resolve, reject) => this.#reaching.push({ position, resolve, reject }))
  }

  #answerReached(): void {
    if (this.#reaching.length === 0) return
    const durable = this.#watermark.durable
    for (const waiting of this.#reaching) if (waiting.position <= durable) waiting.resolve()
    this.#reaching = this.#reaching.filter((waiting) => waiting.position > durable)
  }

  /** Nothing more will be synced. */
  stop(error: Error): void {
    for (const waiting of this.#reaching) waiting.reject(error)
    this.#reaching = []
  }

  /** Syncs everything and brings the watermark to the end. Rejects with the disk's error. */
  async finish(): Promise<void> {
    while (this.#isSyncing) await new Promise<void>((resolve) => this.#afterSync.push(resolve))
    if (this.#written > this.#flushed)
      await new Promise<void>((resolve, reject) =>
        this.sync((error) => (error === undefined ? resolve() : reject(error))),
      )
    await new Promise<void>((resolve, reject) =>
      this.#watermark.write((error) => (error === undefined ? resolve() : reject(error))),
    )
    this.#answerReached()
  }
}
