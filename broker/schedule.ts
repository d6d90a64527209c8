import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { logPosition, queueOffset } from '../base/units.ts'
import type { NewMessage } from '../message/message.ts'
import { SCHEDULE_TOPIC } from '../message/names.ts'
import { findProperty, Property, withProperty } from '../message/properties.ts'
import { decodeRecord } from '../message/record.ts'
import type { DataVersion } from '../remoting/bodies/data-version.ts'
import { delayOffsetTableBody } from '../remoting/bodies/offset-table.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import { delayLevelsMs } from '../settings/broker-store.ts'
import { type GetResult, type LoggedTable, type Store, StoreError } from '../store/store.ts'

/** A change record of this table: delay level → offset of the next message to deliver. */
interface ScheduleChange {
  readonly offsets: Readonly<Record<string, number>>
  readonly at: number
}

/** What is delivered at once: some hundred microseconds of work, then the disk has the word and sends go on. */
const SLICE_MESSAGES = 64
const SLICE_BYTES = 1024 * 1024
/** What one level delivers between two ticks at most: 20,000 a second with ticks of 100 ms. */
const MESSAGES_PER_TICK = 2048
const RETRY_INTERVAL_MS = 1000
const WARNING_INTERVAL_MS = 60_000
const NO_TRANSACTION = logPosition(0)

interface Level {
  readonly level: number
  readonly queueId: number
  readonly delayMs: number
  /** Offset of the next message to deliver. */
  next: number
  /** Delivery time of that message; undefined while it is not known. */
  headDueAt: number | undefined
  /** What is under way; resolves when it has ended, never rejects. */
  delivering: Promise<void> | undefined
  /** Monotonic; after a refusal of the store. */
  pausedUntilMs: number
}

export interface LevelProgress {
  readonly level: number
  readonly nextOffset: number
  readonly maxOffset: number
}

export interface ScheduleParts {
  readonly settings: Pick<BrokerSettings, 'messageDelayLevel'>
  readonly log: Log
  readonly clock: Clock
  /** Told of every delivered message. */
  readonly onDelivered?: (topic: string, sizeBytes: number) => void
}

/**
 * Delay levels: a message waits in SCHEDULE_TOPIC_XXXX, in the queue of its level, and is put again under its real topic when
 * it is due, in the order of the queue. Only then progress moves, in the log behind the message: a kill may repeat the last
 * messages, an orderly stop repeats none, nothing is ever left out. delayOffset.json is the snapshot of the progress.
 */
export class Schedule implements LoggedTable {
  readonly name = 'schedule'
  readonly fileName = 'delayOffset.json'
  readonly #log: Log
  readonly #clock: Clock
  readonly #onDelivered: ScheduleParts['onDelivered']
  readonly #levels: readonly Level[]
  /** Progress as the log has it, also of levels that this configuration does not have. */
  readonly #written = new Map<number, number>()
  #version: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }
  #store: Store | undefined
  #writing: Promise<void> | undefined
  #warnedAtMs = Number.NEGATIVE_INFINITY
  #isStopping = false
  deliveredCount = 0
  /** Messages that cannot be delivered: without a real topic, or refused by the store for good. */
  skippedCount = 0

  constructor(parts: ScheduleParts) {
    this.#log = parts.log
    this.#clock = parts.clock
    this.#onDelivered = parts.onDelivered
    const delays = delayLevelsMs(parts.settings.messageDelayLevel)
    assert(delays !== undefined, 'settings were checked when they were read')
    this.#levels = delays.map((delayMs, queueId) => ({
      level: queueId + 1,
      queueId,
      delayMs,
      next: 0,
      headDueAt: undefined,
      delivering: undefined,
      pausedUntilMs: Number.NEGATIVE_INFINITY,
    }))
  }

  attach(store: Store): void {
    this.#store = store
  }

  get levelCount(): number {
    return this.#levels.length
  }

  get dataVersion(): DataVersion {
    return this.#version
  }

  /** The copy that waits, as RocketMQ stores it. Levels above the table become the highest. */
  toDelayed(message: NewMessage, level: number): NewMessage {
    assert(level > 0, `delay level ${level} is none`)
    const clamped = Math.min(level, this.#levels.length)
    let { properties } = message
    if (findProperty(properties, Property.DELAY) !== String(clamped))
      properties = withProperty(properties, Property.DELAY, String(clamped))
    properties = withProperty(properties, Property.REAL_TOPIC, message.topic)
    properties = withProperty(properties, Property.REAL_QUEUE_ID, String(message.queueId))
    return { ...message, topic: SCHEDULE_TOPIC, queueId: clamped - 1, properties }
  }

  progress(): LevelProgress[] {
    return this.#levels.map(({ level, queueId, next }) => ({
      level,
      nextOffset: next,
      maxOffset: this.#store?.queueRange(SCHEDULE_TOPIC, queueId).maxOffset ?? 0,
    }))
  }

  /** Begins to deliver what is due. `now` is the wall clock. Never throws, never waits. */
  tick(now: number): void {
    const store = this.#store
    if (store === undefined || this.#isStopping) return
    const nowMs = this.#clock.monotonicMs()
    for (const level of this.#levels) {
      if (level.delivering !== undefined || level.pausedUntilMs > nowMs) continue
      if (level.next === store.queueRange(SCHEDULE_TOPIC, level.queueId).maxOffset) continue
      if (level.headDueAt !== undefined && !isDue(level, level.headDueAt, now)) continue
      level.delivering = this.#deliver(store, level, now)
        .catch((error: unknown) => this.#paused(level, error))
        .finally(() => {
          level.delivering = undefined
        })
    }
    this.#writeProgress()
  }

  /** Resolves when nothing is under way any more and the progress is in the log; nothing begins again. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#levels.map((level) => level.delivering))
    await this.#writing
    this.#writeProgress()
    await this.#writing
  }

  /**
   * While the log is replayed delivery goes on from here. Later the records are our own, and delivery is ahead of them: the
   * snapshot then holds what the log has, so that a machine crash cannot take messages and leave the word that they were
   * delivered.
   */
  apply(change: unknown): boolean {
    const known = readChange(change)
    if (known === undefined) return false
    this.#load(known.offsets)
    const { counter, stateVersion } = this.#version
    this.#version = { counter: counter + 1, stateVersion, timestamp: known.at }
    return true
  }

  snapshot(): string {
    return delayOffsetTableBody.encodeText({
      dataVersion: this.#version,
      offsetTable: Object.fromEntries(this.#written),
    })
  }

  restore(text: string): void {
    const restored = delayOffsetTableBody.decodeText(text)
    this.#written.clear()
    for (const level of this.#levels) level.next = 0
    this.#load(restored.offsetTable)
    this.#version = restored.dataVersion
  }

  #load(offsets: Readonly<Record<string, number>>): void {
    for (const [key, offset] of Object.entries(offsets)) {
      const number = Number(key)
      this.#written.set(number, offset)
      const level = this.#levels[number - 1]
      if (level !== undefined && this.#store === undefined) level.next = offset
    }
  }

  async #deliver(store: Store, level: Level, now: number): Promise<void> {
    let budget = MESSAGES_PER_TICK
    while (budget > 0 && !this.#isStopping) {
      this.#stayInQueue(store, level)
      const count = await this.#countDue(store, level, now)
      if (count === 0) return
      const found = await store.get({
        topic: SCHEDULE_TOPIC,
        queueId: level.queueId,
        offset: queueOffset(level.next),
        maxCount: count,
        maxBytes: SLICE_BYTES,
      })
      await this.#putSlice(store, level, found)
      level.next = found.nextOffset
      level.headDueAt = undefined
      this.#writeProgress()
      budget -= Math.max(1, found.records.length)
    }
  }

  /** As correctDelayOffset of RocketMQ: retention may have taken messages, a torn tail their entries. */
  #stayInQueue(store: Store, level: Level): void {
    const { minOffset, maxOffset } = store.queueRange(SCHEDULE_TOPIC, level.queueId)
    const next = Math.min(Math.max(level.next, minOffset), maxOffset)
    if (next === level.next) return
    this.#log.warn('schedule.moved', { level: level.level, from: level.next, to: next })
    level.next = next
  }

  /** How many messages at the head of the queue are due, up to a slice. */
  async #countDue(store: Store, level: Level, now: number): Promise<number> {
    const entries = await store.entries(
      SCHEDULE_TOPIC,
      level.queueId,
      queueOffset(level.next),
      SLICE_MESSAGES,
    )
    let count = 0
    for (const entry of entries) {
      if (!isDue(level, entry.tagsCode, now)) {
        if (count === 0) level.headDueAt = entry.tagsCode
        break
      }
      count++
    }
    return count
  }

  async #putSlice(store: Store, level: Level, found: GetResult): Promise<void> {
    const messages: NewMessage[] = []
    for (const record of found.records) {
      const message = deliverable(record)
      if (message !== undefined) messages.push(message)
      else this.#skip(level, 'it names no real topic and queue')
    }
    if (messages.length === 0) return
    try {
      for (const [index, result] of (await store.putAll(messages)).entries())
        this.#delivered(messages[index]?.topic ?? '', result.sizeBytes)
    } catch (error) {
      if (!isIllegal(error)) throw error
      // One of them can never be stored. All or none went in: now each by itself.
      await this.#putEach(store, level, messages)
    }
  }

  async #putEach(store: Store, level: Level, messages: readonly NewMessage[]): Promise<void> {
    for (const message of messages) {
      try {
        const result = await store.put(message)
        this.#delivered(message.topic, result.sizeBytes)
      } catch (error) {
        if (!isIllegal(error)) throw error
        this.#skip(level, String(error))
      }
    }
  }

  #delivered(topic: string, sizeBytes: number): void {
    this.deliveredCount++
    this.#onDelivered?.(topic, sizeBytes)
  }

  #skip(level: Level, reason: string): void {
    this.skippedCount++
    this.#log.error('schedule.skipped', { level: level.level, after: level.next, reason })
  }

  #paused(level: Level, error: unknown): void {
    const nowMs = this.#clock.monotonicMs()
    level.pausedUntilMs = nowMs + RETRY_INTERVAL_MS
    level.headDueAt = undefined
    this.#warn('schedule.paused', { level: level.level, error: String(error) })
  }

  #warn(event: string, fields: Record<string, unknown>): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#warnedAtMs < WARNING_INTERVAL_MS) return
    this.#warnedAtMs = nowMs
    this.#log.warn(event, fields)
  }

  /** One record at a time: a kill repeats what was delivered since, a slice or two of each level. */
  #writeProgress(): void {
    if (this.#writing !== undefined || this.#store === undefined) return
    const offsets: Record<string, number> = {}
    let isAny = false
    for (const { level, next } of this.#levels) {
      if (next === (this.#written.get(level) ?? 0)) continue
      offsets[level] = next
      isAny = true
    }
    if (!isAny) return
    const change: ScheduleChange = { offsets, at: this.#clock.now() }
    this.#writing = this.#store
      .change(this.name, change)
      .catch((error: unknown) => this.#warn('schedule.unwritten', { error: String(error) }))
      .finally(() => {
        this.#writing = undefined
      })
  }
}

/**
 * A delivery time farther ahead than the whole delay was computed before the clock was set back: the message would wait for
 * who knows how long, so it is due.
 */
const isDue = (level: Level, dueAt: number, now: number): boolean =>
  dueAt <= now || dueAt > now + level.delayMs

/**
 * The message as it is put when it is due, as ScheduleMessageService.messageTimeUp: under its real topic, with all its properties, DELAY and
 * REAL_TOPIC among them. Undefined when it does not say where it belongs.
 */
function deliverable(record: Buffer): NewMessage | undefined {
  const stored = decodeRecord(record, 0)
  const topic = findProperty(stored.properties, Property.REAL_TOPIC)
  const queueId = Number(findProperty(stored.properties, Property.REAL_QUEUE_ID) ?? Number.NaN)
  if (topic === undefined || !Number.isInteger(queueId) || queueId < 0) return undefined
  return {
    topic,
    queueId,
    flag: stored.flag,
    sysFlag: stored.sysFlag,
    bornTimestamp: stored.bornTimestamp,
    bornHost: stored.bornHost,
    storeHost: stored.storeHost,
    reconsumeTimes: stored.reconsumeTimes,
    preparedTransactionOffset: NO_TRANSACTION,
    body: stored.body,
    properties: stored.properties,
  }
}

const isIllegal = (error: unknown): boolean => error instanceof StoreError && error.kind === 'illegal'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function readChange(change: unknown): ScheduleChange | undefined {
  if (!isObject(change) || typeof change.at !== 'number' || !isObject(change.offsets)) return undefined
  const isGood = Object.entries(change.offsets).every(
    ([level, offset]) => Number.isInteger(Number(level)) && Number.isSafeInteger(offset),
  )
  return isGood ? { offsets: change.offsets as Record<string, number>, at: change.at } : undefined
}
