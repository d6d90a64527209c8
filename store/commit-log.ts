import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import { BLANK_BYTES, encodeBlank } from '../message/record.ts'
import type { Batch, PendingPut, Run } from './batch.ts'
import type { DiskFile } from './disk.ts'
import type { Flusher } from './flusher.ts'
import { type Segments, syncFailure } from './segments.ts'
import { StoreError } from './store.ts'
import { type Chunk, Tail } from './tail.ts'

export interface CommitLogOptions {
  readonly isSynced: boolean
  readonly pendingBytesMax: number
  readonly tailCacheBytes: number
  readonly syncFlushTimeoutMs: number
}

export interface CommitLogParts {
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

/** Bounds what one turn of the loop has to do when a write comes back. */
const BATCH_PUTS_MAX = 4096
const BATCH_BYTES_MAX = 8 * 1024 * 1024
/** How long writes rest after a failed one, so that a full disk is not asked for every message. */
const REPAIR_PAUSE_MS = 1000

/**
 * The log as an append-only space of bytes. `reserve` and `add` place a record, at once and in memory; what gathers while a
 * write is under way forms the next one. A batch goes through: write each run → (SYNC_FLUSH) datasync → acknowledged.
 *
 * A failed write refuses its batch and all that came behind, and positions go back to where the batch began; before
 * anything is written again the place behind it is made zeros. A failed datasync stops the log for good.
 */
export class CommitLog {
  readonly tail: Tail
  readonly #options: CommitLogOptions
  readonly #parts: CommitLogParts
  readonly #events: CommitLogEvents
  #segmentEnd: LogPosition
  #end: LogPosition
  #written: LogPosition
  #acknowledged: LogPosition
  #pending: PendingPut[] = []
  #pendingStart: LogPosition
  /** When the first of the waiting puts came. */
  #pendingSinceMs = 0
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
    this.tail = new Tail(options.tailCacheBytes)
    this.#end = start
    this.#written = start
    this.#acknowledged = start
    this.#pendingStart = start
    this.#segmentEnd = logPosition(parts.segments.startOf(start) + parts.segments.sizeBytes)
  }

  /** Where the next record goes. */
  get end(): LogPosition {
    return this.#end
  }

  get written(): LogPosition {
    return this.#written
  }

  /** Everything below reached the ack point and may be read. */
  get acknowledged(): LogPosition {
    return this.#acknowledged
  }

  /** Why nothing can be appended now; undefined when it can. */
  get refusal(): StoreError | undefined {
    if (this.#failure !== undefined) return this.#failure
    if (this.#refusal !== undefined) return new StoreError('unavailable', this.#refusal)
    if (this.#end - this.#written > this.#options.pendingBytesMax)
      return new StoreError(
        'busy',
        `${this.#end - this.#written} bytes wait for the disk, more than pendingBytesMax allows; send again`,
      )
    return undefined
  }

  /** Position that a record of this size will have. A record that does not fit ends its segment with a blank. */
  place(sizeBytes: number): LogPosition {
    if (this.#end + sizeBytes + BLANK_BYTES > this.#segmentEnd) this.#roll()
    return this.#end
  }

  /** The chunk to encode the record into, at `chunk.used`; `add` must follow. */
  reserve(sizeBytes: number): Chunk {
    const isSegmentStart = this.#end === this.#segmentEnd - this.#parts.segments.sizeBytes
    return this.tail.reserve(this.#end, sizeBytes, isSegmentStart)
  }

  /** The record stands in the chunk now. */
  add(chunk: Chunk, put: PendingPut): void {
    chunk.used += put.sizeBytes
    this.#end = logPosition(this.#end + put.sizeBytes)
    if (this.#pending.length === 0) this.#pendingSinceMs = this.#parts.clock.monotonicMs()
    this.#pending.push(put)
    this.#schedule()
  }

  /** Resolves when everything appended so far is answered. */
  settled(): Promise<void> {
    if (this.#inFlight === undefined && this.#pending.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Answers puts that wait too long, and tries to get going again after a failed write. */
  tick(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    const limitMs = this.#options.syncFlushTimeoutMs
    const batch = this.#inFlight
    if (batch !== undefined && nowMs - batch.startedAtMs > limitMs) {
      if (batch.isWritten && !batch.isAnswered) answerLate(batch)
      if (this.#pending.length > 0 && nowMs - this.#pendingSinceMs > limitMs) this.#refuseWaiting(batch)
    }
    if (this.#repair !== undefined && !this.#repair.isRunning && nowMs >= this.#repair.atMs) this.#tryRepair()
  }

  /** For good: puts that were not written are refused, those under way are answered with this error when they return. */
  stop(error: StoreError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    const waiting = this.#pending
    this.#pending = []
    refuse(waiting, new StoreError('unavailable', error.message))
    this.#events.failed(error)
    this.#settle()
  }

  /** A background datasync failed. What the disk holds now is unknown, so nothing is tried again. */
  failSync(error: Error): void {
    this.stop(error instanceof StoreError ? error : syncFailure('the commit log', error))
  }

  #roll(): void {
    const room = this.#segmentEnd - this.#end
    if (room < this.#parts.segments.sizeBytes) {
      const chunk = this.tail.reserve(this.#end, BLANK_BYTES, false)
      encodeBlank(chunk.bytes, chunk.used, room)
      chunk.used += BLANK_BYTES
    }
    this.#end = this.#segmentEnd
    this.#segmentEnd = logPosition(this.#segmentEnd + this.#parts.segments.sizeBytes)
    // A roll should find its segment ready; a failure shows when the segment is written to.
    this.#parts.segments.prepare(this.#segmentEnd).catch(() => undefined)
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight !== undefined) return
    this.#isScheduled = true
    this.#parts.defer(() => {
      this.#isScheduled = false
      if (this.#inFlight === undefined) this.#startBatch()
    })
  }

  #startBatch(): void {
    if (this.#pending.length === 0 || this.#refusal !== undefined) {
      this.#settle()
      return
    }
    const batch = this.#cutBatch()
    this.#inFlight = batch
    this.#writeRun(batch, 0)
  }

  #cutBatch(): Batch {
    let puts = this.#pending
    let end = this.#end
    if (puts.length > BATCH_PUTS_MAX || end - this.#pendingStart > BATCH_BYTES_MAX) {
      const count = this.#batchCount()
      const next = puts[count]
      if (next !== undefined) {
        // Up to where the next put stands, the blank before it included.
        end = next.position
        this.#pending = puts.slice(count)
        puts = puts.slice(0, count)
      }
    }
    if (puts === this.#pending) this.#pending = []
    const runs: Run[] = []
    for (const piece of this.tail.pieces(this.#pendingStart, end)) {
      const segment = this.#parts.segments.startOf(piece.position)
      const last = runs.at(-1)
      if (last !== undefined && last.segment === segment) last.buffers.push(piece.bytes)
      else runs.push({ segment, position: piece.position, buffers: [piece.bytes] })
    }
    const start = this.#pendingStart
    this.#pendingStart = end
    return {
      start,
      end,
      puts,
      runs,
      startedAtMs: this.#parts.clock.monotonicMs(),
      isWritten: false,
      isAnswered: false,
    }
  }

  /** How many of the waiting puts go into the next batch. Puts of one group stay together. */
  #batchCount(): number {
    const limit = Math.min(this.#pending.length, BATCH_PUTS_MAX)
    let count = 1
    while (count < limit) {
      const put = this.#pending[count]
      if (put === undefined || put.position + put.sizeBytes - this.#pendingStart > BATCH_BYTES_MAX) break
      count++
    }
    while (count < this.#pending.length && this.#pending[count]?.answer === this.#pending[count - 1]?.answer)
      count++
    return count
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
    this.#acknowledged = batch.end
    // The next write starts first, so that the disk works while these puts are answered.
    this.#startBatch()
    this.#events.acknowledged(batch)
    this.tail.shrink(this.#acknowledged)
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
    this.#rollBack(
      batch.start,
      [...batch.puts, ...this.#pending],
      new StoreError('unavailable', this.#refusal),
    )
  }

  /** What waits behind a batch that does not come back is given up: it left nothing behind yet. */
  #refuseWaiting(batch: Batch): void {
    const waited = `waited more than ${this.#options.syncFlushTimeoutMs} ms for the disk; send again`
    this.#rollBack(batch.end, this.#pending, new StoreError('busy', waited))
  }

  #rollBack(position: LogPosition, puts: readonly PendingPut[], error: StoreError): void {
    const { segments } = this.#parts
    this.#pending = []
    this.#end = position
    this.#pendingStart = position
    this.#segmentEnd = logPosition(segments.startOf(position) + segments.sizeBytes)
    this.tail.cut(position)
    this.#events.refused(puts)
    refuse(puts, error)
    this.#settle()
  }

  /** What the failed write left behind the end is made zeros and synced; only then writes are taken again. */
  #tryRepair(): void {
    const repair = this.#repair
    if (repair === undefined || this.#failure !== undefined) return
    repair.isRunning = true
    this.#parts.segments.clearFrom(this.#end).then(
      () => {
        this.#repair = undefined
        this.#refusal = undefined
        this.#parts.log.info('store.write-resumed', { position: this.#end })
      },
      (error: Error) => {
        repair.isRunning = false
        repair.atMs = this.#parts.clock.monotonicMs() + REPAIR_PAUSE_MS
        this.#parts.log.warn('store.repair-failed', { position: this.#end, error: error.message })
      },
    )
  }

  #settle(): void {
    if (this.#inFlight !== undefined || this.#pending.length > 0 || this.#idle.length === 0) return
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
