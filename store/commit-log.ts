import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { LogPosition } from '../base/units.ts'
import type { Appender } from './appender.ts'
import type { Batch, PendingPut } from './batch.ts'
import type { DiskFile } from './disk.ts'
import type { Flusher } from './flusher.ts'
import { type Segments, syncFailure } from './segments.ts'
import { StoreError } from './store.ts'

export interface CommitLogOptions {
  readonly isSynced: boolean
  readonly pendingBytesMax: number
  readonly syncFlushTimeoutMs: number
}

export interface CommitLogParts {
  readonly appender: Appender
  readonly segments: Segments
  readonly flusher: Flusher
  readonly clock: Clock
  readonly log: Log
  /** Runs the function after what this turn of the loop has still to do: setImmediate. */
  readonly defer: (run: () => void) => void
}

export interface CommitLogEvents {
  /** These puts reached the ack point of the flush type; everything below their batch's end is readable now. */
  acknowledged(batch: Batch): void
  /** These puts left nothing behind: give their queue offsets back, latest first. */
  refused(puts: readonly PendingPut[]): void
  /** The store has to stop: a datasync failed. */
  failed(error: StoreError): void
}

/** How long writes rest after a failed one, so that a full disk is not asked for every message. */
const REPAIR_PAUSE_MS = 1000

/**
 * Writes batches, one at a time: write each run → (SYNC_FLUSH) datasync → acknowledged. What gathers in the appender while a
 * batch is under way forms the next one.
 *
 * A failed write refuses its batch and all that came behind, and positions go back to where the batch began; before
 * anything is written again the place behind it is made zeros. A failed datasync stops the log for good.
 */
export class CommitLog {
  readonly #options: CommitLogOptions
  readonly #parts: CommitLogParts
  readonly #events: CommitLogEvents
  #written: LogPosition
  #inFlight: Batch | undefined
  #isScheduled = false
  #refusal: string | undefined
  #failure: StoreError | undefined
  #repair: { atMs: number; isRunning: boolean } | undefined
  #idle: (() => void)[] = []

  constructor(start: LogPosition, options: CommitLogOptions, parts: CommitLogParts, events: CommitLogEvents) {
    this.#options = options
    this.#parts = parts
    this.#events = events
    this.#written = start
  }

  get written(): LogPosition {
    return this.#written
  }

  /** Why nothing can be appended now; undefined when it can. */
  get refusal(): StoreError | undefined {
    if (this.#failure !== undefined) return this.#failure
    if (this.#refusal !== undefined) return new StoreError('unavailable', this.#refusal)
    const waitingBytes = this.#parts.appender.end - this.#written
    if (waitingBytes > this.#options.pendingBytesMax)
      return new StoreError(
        'busy',
        `${waitingBytes} bytes wait for the disk, more than pendingBytesMax allows; send again`,
      )
    return undefined
  }

  /** Something was added to the appender: it is written when this turn of the loop is over, or after what is under way. */
  schedule(): void {
    if (this.#isScheduled || this.#inFlight !== undefined) return
    this.#isScheduled = true
    this.#parts.defer(() => {
      this.#isScheduled = false
      if (this.#inFlight === undefined) this.#startBatch()
    })
  }

  /** Resolves when everything appended so far is answered. */
  settled(): Promise<void> {
    if (this.#inFlight === undefined && this.#parts.appender.isEmpty) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Answers puts that wait too long, and tries to get going again after a failed write. */
  tick(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    const limitMs = this.#options.syncFlushTimeoutMs
    const batch = this.#inFlight
    if (batch !== undefined && nowMs - batch.startedAtMs > limitMs) {
      if (batch.isWritten && !batch.isAnswered) answerLate(batch)
      const { appender } = this.#parts
      if (!appender.isEmpty && nowMs - appender.sinceMs > limitMs) this.#refuseWaiting(batch)
    }
    if (this.#repair !== undefined && !this.#repair.isRunning && nowMs >= this.#repair.atMs) this.#tryRepair()
  }

  /** For good: puts that were not written are refused, those under way are answered with this error when they return. */
  stop(error: StoreError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    const { appender } = this.#parts
    const waiting = appender.discard()
    refuse(waiting, new StoreError('unavailable', error.message))
    this.#events.failed(error)
    this.#settle()
  }

  /** A background datasync failed. What the disk holds now is unknown, so nothing is tried again. */
  failSync(error: Error): void {
    this.stop(error instanceof StoreError ? error : syncFailure('the commit log', error))
  }

  #startBatch(): void {
    const batch = this.#refusal === undefined ? this.#parts.appender.take() : undefined
    if (batch === undefined) {
      this.#settle()
      return
    }
    batch.startedAtMs = this.#parts.clock.monotonicMs()
    this.#inFlight = batch
    this.#writeRun(batch, 0)
  }

  #writeRun(batch: Batch, index: number): void {
    const run = batch.runs[index]
    if (run === undefined) {
      this.#onWritten(batch)
      return
    }
    const write = (file: DiskFile): void => {
      file.write(run.buffers, run.position - run.segment, (error) => {
        if (error !== undefined) {
          this.#onWriteFailed(batch, error)
          return
        }
        this.#parts.flusher.onWritten(run.segment, file)
        this.#writeRun(batch, index + 1)
      })
    }
    const { segments } = this.#parts
    const ready = segments.writer(run.segment)
    if (ready !== undefined) write(ready)
    else segments.ensureWriter(run.segment).then(write, (error: Error) => this.#onWriteFailed(batch, error))
  }

  #onWritten(batch: Batch): void {
    if (this.#failure !== undefined) {
      this.#abandon(batch, this.#failure)
      return
    }
    batch.isWritten = true
    this.#written = batch.end
    this.#parts.flusher.advance(batch)
    if (!this.#options.isSynced) {
      this.#onAcknowledged(batch)
      return
    }
    // The second answer, at the acknowledgement, finds these settled.
    for (const put of batch.puts) if (put.skipsSync) put.answer.stored(put, 'ok')
    this.#parts.flusher.sync((error) => {
      if (error === undefined && this.#failure === undefined) this.#onAcknowledged(batch)
      else {
        const failure = this.#failure ?? syncFailure('the commit log', error)
        this.#abandon(batch, failure)
        this.stop(failure)
      }
    })
  }

  #onAcknowledged(batch: Batch): void {
    this.#inFlight = undefined
    // The next write starts first, so that the disk works while these puts are answered.
    this.#startBatch()
    this.#events.acknowledged(batch)
    this.#parts.appender.tail.shrink(batch.end)
  }

  /** The store stopped while the batch was under way: whether it is stored is unknown. */
  #abandon(batch: Batch, failure: StoreError): void {
    this.#inFlight = undefined
    if (!batch.isAnswered) refuse(batch.puts, failure)
    this.#settle()
  }

  #onWriteFailed(batch: Batch, error: Error): void {
    if (this.#failure !== undefined) {
      this.#abandon(batch, this.#failure)
      return
    }
    if (error instanceof StoreError && error.kind === 'unknown') {
      // Making the next segment failed in a sync.
      this.#abandon(batch, error)
      this.stop(error)
      return
    }
    this.#parts.log.error('store.write-failed', { position: batch.start, error: error.message })
    this.#refusal = `the commit log cannot be written (${error.message}); it is tried again every second`
    this.#inFlight = undefined
    this.#repair = { atMs: this.#parts.clock.monotonicMs() + REPAIR_PAUSE_MS, isRunning: false }
    const waiting = this.#parts.appender.rollBack(batch.start, batch.rollingStart, batch.sumsStart)
    this.#refuse([...batch.puts, ...waiting], new StoreError('unavailable', this.#refusal))
  }

  /** What waits behind a batch that does not come back is given up: it left nothing behind yet. */
  #refuseWaiting(batch: Batch): void {
    const waited = `waited more than ${this.#options.syncFlushTimeoutMs} ms for the disk; send again`
    this.#refuse(
      this.#parts.appender.rollBack(batch.end, batch.rolling, batch.sumsEnd),
      new StoreError('busy', waited),
    )
  }

  #refuse(puts: readonly PendingPut[], error: StoreError): void {
    this.#events.refused(puts)
    refuse(puts, error)
    this.#settle()
  }

  /** What the failed write left behind the end is made zeros and synced; only then writes are taken again. */
  #tryRepair(): void {
    const repair = this.#repair
    if (repair === undefined || this.#failure !== undefined) return
    repair.isRunning = true
    const { end } = this.#parts.appender
    this.#parts.segments.clearFrom(end).then(
      () => {
        this.#repair = undefined
        this.#refusal = undefined
        this.#parts.log.info('store.write-resumed', { position: end })
      },
      (error: Error) => {
        repair.isRunning = false
        repair.atMs = this.#parts.clock.monotonicMs() + REPAIR_PAUSE_MS
        this.#parts.log.warn('store.repair-failed', { position: end, error: error.message })
      },
    )
  }

  #settle(): void {
    if (this.#inFlight !== undefined || !this.#parts.appender.isEmpty || this.#idle.length === 0) return
    const waiting = this.#idle
    this.#idle = []
    for (const resolve of waiting) resolve()
  }
}

function answerLate(batch: Batch): void {
  batch.isAnswered = true
  for (const put of batch.puts) put.answer.stored(put, 'flush-timeout')
}

/** Puts of one group share an answer, which is given once. */
function refuse(puts: readonly PendingPut[], error: StoreError): void {
  let last: unknown
  for (const put of puts) {
    if (put.answer !== last) put.answer.refused(error)
    last = put.answer
  }
}
