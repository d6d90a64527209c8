import type { Clock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { logPosition, timestamp } from '../../base/units.ts'
import type { NewMessage } from '../../message/message.ts'
import type { Disk } from '../../store/disk.ts'
import { MemoryDisk } from '../../store/memory-disk.ts'
import type { Fault, RecordEntry } from '../../store/memory-record.ts'
import type { MemoryTree } from '../../store/memory-tree.ts'
import { openStore } from '../../store/message-store.ts'
import type { StoreOptions } from '../../store/options.ts'
import type { PutResult, Store, StoreError } from '../../store/store.ts'
import { below, pick, seededRandom } from '../support/random.ts'
import type { Mark } from './history.ts'
import { NumberedTable } from './tables.ts'

export interface Variant {
  readonly flush: 'ASYNC_FLUSH' | 'SYNC_FLUSH'
  readonly watermark: 'exact' | 'lagging'
}

export const variants: readonly Variant[] = [
  { flush: 'SYNC_FLUSH', watermark: 'exact' },
  { flush: 'SYNC_FLUSH', watermark: 'lagging' },
  { flush: 'ASYNC_FLUSH', watermark: 'lagging' },
  { flush: 'ASYNC_FLUSH', watermark: 'exact' },
]

export const SEGMENT_BYTES = 16 * 1024
const HOUR_MS = 3_600_000
const RETENTION_HOURS = 72

export function optionsFor(variant: Variant): StoreOptions {
  return {
    clusterName: 'CrashCluster',
    brokerName: 'broker-a',
    segmentSizeBytes: SEGMENT_BYTES,
    queueFileSizeBytes: 20 * 16,
    ...variant,
    flushIntervalMs: 500,
    syncFlushTimeoutMs: 5000,
    maxMessageSizeBytes: 12 * 1024,
    indexEnabled: true,
    indexSlots: 16,
    indexEntries: 40,
    retentionHours: RETENTION_HOURS,
    deleteWhenHours: [4],
    diskCleanRatio: 0.75,
    diskRefuseRatio: 0.9,
    deletesUnexpiredWhenFull: false,
    diskForceRatio: 0.85,
    delayLevelsMs: [1000, 5000, 10_000, 30_000],
    tailCacheBytes: 64 * 1024,
    blockCacheBytes: 64 * 1024,
    pendingBytesMax: 1024 * 1024,
  }
}

export const steps = [
  'small',
  'big',
  'batch',
  'delayed',
  'create',
  'delete',
  'commit',
  'roll',
  'clean',
  'restart',
  'kill',
  'tick',
] as const
/** `full`: not a byte more fits on the disk; `roomy`: it does again. */
export type Step = (typeof steps)[number] | 'full' | 'roomy'

export interface Workload {
  readonly name: string
  readonly seed: number
  readonly variant: Variant
  readonly steps: readonly Step[]
  /** Sends that do not wait for each other, completions in any order. */
  readonly isConcurrent: boolean
  /** One operation of the disk that fails. */
  readonly fault?: Fault
}

/** A record of everything the disk was asked for, with the workload's marks, and what the disk held before. */
export interface Run {
  readonly workload: Workload
  readonly start: MemoryTree
  /** What happened before the record begins. */
  readonly before: readonly Mark[]
  readonly record: readonly RecordEntry[]
  /** What is on the disk at the end, seen by the system. */
  readonly end: MemoryTree
  /** The store stopped or did not open, as it may when operations fail. */
  readonly stopped: string | undefined
  /** The same for the times before, when it was started again. */
  readonly stops: readonly string[]
  /** The disk itself, for its counts. */
  readonly disk: MemoryDisk
}

export interface RunOptions {
  readonly start?: { readonly tree: MemoryTree; readonly marks: readonly Mark[] }
  /** Puts something between the store and the disk: a mutant. */
  readonly wrap?: (disk: MemoryDisk) => Disk
  /** Goes on with a new process when the store stopped by itself or did not open. */
  readonly restarts?: boolean
}

export const HOST = Buffer.from([127, 0, 0, 1, 0, 0, 0x2a, 0x9f])
export const TABLES = ['crashTopics', 'crashOffsets'] as const
const START_MS = 1_700_000_000_000

/** Time as the test wants it. */
export class HandClock implements Clock {
  nowMs: number
  elapsedMs = 0

  constructor(nowMs = START_MS) {
    this.nowMs = nowMs
  }

  now = (): ReturnType<Clock['now']> => timestamp(this.nowMs)
  monotonicMs = (): number => this.elapsedMs

  pass(ms: number): void {
    this.nowMs += ms
    this.elapsedMs += ms
  }
}

/** Completes the operations of a disk: one after the other, or in an order drawn by lot. */
export class Completions {
  readonly #draw: (() => number) | undefined
  readonly #waiting: (() => void)[] = []
  #isRunning = false

  constructor(draw?: () => number) {
    this.#draw = draw
  }

  schedule = (run: () => void): void => {
    this.#waiting.push(run)
    if (this.#isRunning) return
    this.#isRunning = true
    queueMicrotask(this.#next)
  }

  #next = (): void => {
    const index = this.#draw === undefined ? 0 : Math.floor(this.#draw() * this.#waiting.length)
    const [run] = this.#waiting.splice(index, 1)
    if (this.#waiting.length > 0) queueMicrotask(this.#next)
    else this.#isRunning = false
    run?.()
  }

  /** Resolves when nothing has been under way for two turns of the loop. */
  async quiet(): Promise<void> {
    for (let turns = 0; turns < 2; turns++) {
      if (this.#waiting.length > 0) turns = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

export function textOf(id: string, sizeBytes: number): Buffer {
  const body = Buffer.alloc(Math.max(sizeBytes, id.length), `${id}/`)
  return body
}

export function messageOf(
  id: string,
  topic: string,
  queueId: number,
  sizeBytes: number,
  nowMs: number,
  more = '',
): NewMessage {
  return {
    topic,
    queueId,
    flag: id.length,
    sysFlag: 0,
    bornTimestamp: timestamp(nowMs),
    bornHost: HOST,
    storeHost: HOST,
    reconsumeTimes: 0,
    preparedTransactionOffset: logPosition(0),
    body: textOf(id, sizeBytes),
    properties: `${more}KEYS\u0001key-${id} all\u0002TAGS\u0001tag${id.length % 3}\u0002UNIQ_KEY\u0001${id}\u0002`,
  }
}

/** Runs a workload against the real store on a memory disk. */
export async function runWorkload(workload: Workload, options: RunOptions = {}): Promise<Run> {
  const start = options.start?.tree ?? new MemoryDisk().tree
  const runner = new Runner(workload, start.fork(), options)
  const stopped = await runner.run()
  return {
    workload,
    start,
    before: options.start?.marks ?? [],
    record: runner.disk.record,
    end: runner.disk.tree,
    stopped,
    stops: runner.stops,
    disk: runner.disk,
  }
}

class Runner {
  disk: MemoryDisk
  /** Why the store stopped, each time. */
  readonly stops: string[] = []
  readonly #workload: Workload
  readonly #random: () => number
  readonly #clock = new HandClock()
  readonly #completions: Completions
  readonly #options: RunOptions
  #store: Store | undefined
  #stopped: string | undefined
  #tables: readonly NumberedTable[] = []
  #nextId = 0
  readonly #seqs = new Map<string, number>()
  readonly #underWay = new Set<Promise<void>>()

  constructor(workload: Workload, tree: MemoryTree, options: RunOptions) {
    this.#workload = workload
    this.#options = options
    this.#random = seededRandom(workload.seed)
    this.#completions = new Completions(workload.isConcurrent ? this.#random : undefined)
    this.disk = new MemoryDisk({
      tree,
      schedule: this.#completions.schedule,
      nowMs: () => this.#clock.nowMs,
    })
    if (workload.fault !== undefined) this.disk.fail(workload.fault)
    this.#takeOver(options.start?.marks ?? [])
  }

  #takeOver(marks: readonly Mark[]): void {
    for (const mark of marks) {
      if (mark.what === 'time') this.#clock.nowMs = Math.max(this.#clock.nowMs, mark.nowMs)
      if (mark.what === 'changing') this.#seqs.set(mark.table, mark.seq)
    }
    this.#nextId = marks.filter((mark) => mark.what === 'sent').length
  }

  async run(): Promise<string | undefined> {
    await this.#open()
    for (const step of [...this.#workload.steps, 'tick'] as const) {
      // Whoever runs a broker starts it again when it has stopped.
      if (this.#stopped !== undefined && this.#options.restarts === true) await this.#startAgain()
      if (this.#stopped === undefined || step === 'roomy') await this.#step(step)
    }
    await this.#completions.quiet()
    if (this.#options.restarts === true) await this.#recover()
    return this.#stopped
  }

  #mark(mark: Mark): void {
    this.disk.mark(mark)
  }

  async #open(): Promise<void> {
    const [topics, offsets] = TABLES
    this.#tables = [new NumberedTable(topics, false), new NumberedTable(offsets, true)]
    try {
      const disk = this.#options.wrap?.(this.disk) ?? this.disk
      const store = await openStore({
        disk,
        options: optionsFor(this.#workload.variant),
        tables: this.#tables,
        clock: this.#clock,
        log: silentLog,
        uid: () => 'crash-test',
        defer: this.#completions.schedule,
      })
      this.#store = store
      // What was on its way when the process ended never came.
      for (const table of this.#tables) this.#seqs.set(table.name, table.last)
      store.onArrival('test', (arrival) => this.#mark({ what: 'arrived', arrival }))
      store.onFailure((error) => {
        this.#stopped ??= error.message
      })
    } catch (error) {
      this.#store = undefined
      this.#stopped ??= `did not open: ${error instanceof Error ? error.message : error}`
    }
  }

  async #step(step: Step): Promise<void> {
    this.#clock.pass(3)
    this.#mark({ what: 'time', nowMs: this.#clock.nowMs })
    const isSend =
      step === 'small' || step === 'big' || step === 'batch' || step === 'delayed' || step === 'commit'
    const work = this.#do(step)
    if (isSend && this.#workload.isConcurrent && this.#random() < 0.6) {
      const tracked: Promise<void> = work.finally(() => this.#underWay.delete(tracked))
      this.#underWay.add(tracked)
      if (this.#random() < 0.3) await new Promise((resolve) => setImmediate(resolve))
    } else await this.#awaitAll(work)
    this.#markFlushed()
  }

  /** A put that nobody answers any more, because its store is gone, is not waited for. */
  async #awaitAll(work: Promise<void>): Promise<void> {
    let isDone = false
    const all = Promise.all([work, ...this.#underWay]).then(() => {
      isDone = true
    })
    while (!isDone) {
      await Promise.race([all, this.#completions.quiet()])
      if (!isDone) await this.#unstick()
    }
  }

  /** Nothing moves: only the clock can help. */
  async #unstick(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#clock.pass(600)
    this.#store?.tick(this.#clock.now())
  }

  #markFlushed(): void {
    if (this.#store !== undefined && this.#stopped === undefined)
      this.#mark({ what: 'flushed', position: this.#store.status().flushedPosition })
  }

  async #do(step: Step): Promise<void> {
    const random = this.#random
    if (step === 'small') await this.#send([this.#message(20 + below(random, 300))])
    else if (step === 'big') await this.#send([this.#message(9000 + below(random, 3000))])
    else if (step === 'roll')
      for (let count = 0; count < 2; count++) await this.#send([this.#message(8000 + below(random, 2000))])
    else if (step === 'batch')
      await this.#send(
        Array.from({ length: 2 + below(random, 5) }, () => this.#message(30 + below(random, 900))),
      )
    else if (step === 'delayed')
      await this.#send([this.#message(100, { topic: 'SCHEDULE_TOPIC_XXXX', queueId: below(random, 3) })])
    else if (step === 'create') await this.#change(0, 'TopicB', 1)
    else if (step === 'commit') await this.#change(1, `TopicA@${below(random, 2)}`, this.#nextId)
    else if (step === 'delete') await this.#deleteTopic()
    else if (step === 'clean') await this.#clean()
    else if (step === 'tick') await this.#tick()
    else if (step === 'restart') await this.#restart()
    else if (step === 'full') this.disk.capacityBytes = this.disk.tree.allocatedBytes
    else if (step === 'roomy') this.disk.capacityBytes = this.disk.tree.allocatedBytes * 10
    else await this.#kill()
  }

  #message(sizeBytes: number, place?: { topic: string; queueId: number }): NewMessage {
    const id = `m${this.#nextId++}`
    const where =
      place ??
      pick(this.#random, [
        { topic: 'TopicA', queueId: 0 },
        { topic: 'TopicA', queueId: 1 },
        { topic: 'TopicB', queueId: 0 },
      ])
    const delay = place === undefined ? '' : `DELAY\u0001${where.queueId + 1}\u0002`
    return messageOf(id, where.topic, where.queueId, sizeBytes, this.#clock.nowMs, delay)
  }

  async #send(messages: readonly NewMessage[]): Promise<void> {
    const store = this.#store
    if (store === undefined) return
    const ids = messages.map((message) => Buffer.from(message.body).toString('latin1').split('/')[0] ?? '')
    for (const [index, message] of messages.entries())
      this.#mark({ what: 'sent', id: ids[index] ?? '', message })
    const [only] = messages
    const sent: Promise<readonly PutResult[]> =
      messages.length === 1 && only !== undefined
        ? store.put(only).then((result) => [result])
        : store.putAll(messages)
    try {
      for (const [index, result] of (await sent).entries())
        this.#mark({
          what: 'acked',
          id: ids[index] ?? '',
          position: result.position,
          queueOffset: result.queueOffset,
          isFlushed: result.status === 'ok',
        })
    } catch (error) {
      for (const id of ids) this.#mark({ what: 'refused', id, kind: (error as StoreError).kind })
    }
  }

  async #change(index: 0 | 1, key: string, value: number): Promise<void> {
    const table = this.#tables[index]
    const store = this.#store
    if (table === undefined || store === undefined) return
    const seq = (this.#seqs.get(table.name) ?? 0) + 1
    this.#seqs.set(table.name, seq)
    this.#mark({ what: 'changing', table: table.name, seq })
    const change = { seq, key, value }
    if (table.isAhead) table.apply(change)
    try {
      await store.change(table.name, change, { isApplied: table.isAhead })
      this.#mark({ what: 'changed', table: table.name, seq, end: store.status().dispatchedPosition })
    } catch {
      // Not logged: the number is given again, as an application would try again.
      this.#seqs.set(table.name, seq - 1)
    }
  }

  async #deleteTopic(): Promise<void> {
    await Promise.all(this.#underWay)
    await this.#change(0, 'TopicB', 0)
    this.#mark({ what: 'deleting', topic: 'TopicB' })
    try {
      await this.#store?.deleteTopic('TopicB')
    } catch {
      // A disk that fails: the topic may be there or not.
    }
  }

  async #clean(): Promise<void> {
    const store = this.#store
    if (store === undefined) return
    await Promise.all(this.#underWay)
    this.#clock.pass((RETENTION_HOURS + 2) * HOUR_MS)
    this.#mark({ what: 'time', nowMs: this.#clock.nowMs })
    const { maxPosition } = store.status()
    this.#mark({ what: 'cleaning', below: maxPosition - (maxPosition % SEGMENT_BYTES) })
    try {
      await store.deleteExpired()
    } catch {
      // As above.
    }
    await this.#tick()
  }

  async #tick(): Promise<void> {
    for (let count = 0; count < 2; count++) {
      this.#clock.pass(600)
      this.#store?.tick(this.#clock.now())
      await this.#completions.quiet()
      this.#markFlushed()
    }
  }

  async #restart(): Promise<void> {
    await Promise.all(this.#underWay)
    try {
      await this.#store?.close()
    } catch (error) {
      this.#stopped ??= `did not close: ${error instanceof Error ? error.message : error}`
    }
    this.#markFlushed()
    if (this.#stopped === undefined) await this.#open()
  }

  /** The fault is over; a last message shows whether the store is well again. */
  async #recover(): Promise<void> {
    this.disk.heal()
    this.disk.capacityBytes = 2 ** 40
    if (this.#stopped !== undefined) await this.#startAgain()
    for (const step of ['tick', 'tick', 'small', 'tick'] as const)
      if (this.#stopped === undefined) await this.#step(step)
  }

  async #startAgain(): Promise<void> {
    this.stops.push(this.#stopped ?? '')
    this.#stopped = undefined
    await this.#kill()
  }

  async #kill(): Promise<void> {
    this.disk = this.disk.restart()
    this.#underWay.clear()
    this.#store = undefined
    await this.#open()
  }
}
