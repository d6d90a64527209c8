import { Meter, type MeterRates } from './meter.ts'
import { PutLatency } from './put-latency.ts'

/** Meters of topics, and of topics by group: some 50 MB at the limit. What comes beyond is counted together. */
const METERS_MAX = 100_000
const SAMPLE_INTERVAL_MS = 10_000
/** One sample a second for ten minutes, and the one before. */
const SECONDS = 601

/** Rates of a window in things per second. */
export interface Windows {
  readonly last10s: number
  readonly last60s: number
  readonly last600s: number
}

/** What the broker did since its start. */
export interface Totals {
  /** Calls, not messages: a batch is one. */
  putCalls: number
  putFailures: number
  putMessages: number
  putBytes: number
  /** Pulls that found messages, and that found none. */
  foundPulls: number
  missPulls: number
  gotMessages: number
  gotBytes: number
}

export interface DayTotals {
  readonly yesterdayMorning: number
  readonly todayMorning: number
  readonly now: number
}

/**
 * Counts and rates for people and tools. On the hot path plain numbers grow; everything else is made of samples that tick()
 * takes. Meters of topics and groups that rest for a day are dropped.
 */
export class BrokerStats {
  readonly totals: Totals = {
    putCalls: 0,
    putFailures: 0,
    putMessages: 0,
    putBytes: 0,
    foundPulls: 0,
    missPulls: 0,
    gotMessages: 0,
    gotBytes: 0,
  }
  readonly latency = new PutLatency()
  sentBackCount = 0
  deadLetterCount = 0
  readonly #topics = new Map<string, Meter>()
  readonly #groups = new Map<string, Map<string, Meter>>()
  readonly #otherTopics = new Meter()
  readonly #otherGroups = new Meter()
  readonly #metersMax: number
  #groupMeterCount = 0
  /** Times and totals once a second: a ring. */
  readonly #seconds = new Float64Array(SECONDS)
  readonly #puts = new Float64Array(SECONDS)
  readonly #founds = new Float64Array(SECONDS)
  readonly #misses = new Float64Array(SECONDS)
  readonly #gots = new Float64Array(SECONDS)
  #secondCount = 0
  #sampledAtMs = Number.NEGATIVE_INFINITY
  #today: string | undefined
  #putMornings = { yesterday: 0, today: 0 }
  #gotMornings = { yesterday: 0, today: 0 }

  constructor(limits: { readonly metersMax?: number } = {}) {
    this.#metersMax = limits.metersMax ?? METERS_MAX
  }

  /** `count` messages of `bytes` in all were stored; `elapsedMs` from request to stored. */
  put(topic: string, count: number, bytes: number, elapsedMs: number): void {
    const { totals } = this
    totals.putCalls++
    totals.putMessages += count
    totals.putBytes += bytes
    this.latency.add(elapsedMs)
    this.#topic(topic).add(count, bytes)
  }

  putFailed(): void {
    this.totals.putFailures++
  }

  /** A delayed message went to its topic: in the topic's count, not a put of a client. */
  delivered(topic: string, bytes: number): void {
    this.#topic(topic).add(1, bytes)
  }

  /** A pull of this group found messages. */
  get(group: string, topic: string, count: number, bytes: number): void {
    const { totals } = this
    totals.foundPulls++
    totals.gotMessages += count
    totals.gotBytes += bytes
    this.#group(group, topic).add(count, bytes)
  }

  /** A pull found nothing. */
  getMiss(): void {
    this.totals.missPulls++
  }

  /** A consumer could not consume a message; `isDead`: it went to the dead letters. */
  sentBack(group: string, topic: string, isDead: boolean): void {
    this.sentBackCount++
    if (isDead) this.deadLetterCount++
    const meter = this.#group(group, topic)
    meter.sentBack++
    if (isDead) meter.deadLetters++
  }

  topics(): Iterable<readonly [topic: string, meter: Meter]> {
    return this.#topics
  }

  *groups(): Iterable<readonly [group: string, topic: string, meter: Meter]> {
    for (const [group, topics] of this.#groups)
      for (const [topic, meter] of topics) yield [group, topic, meter]
  }

  /** Messages per second into a topic. */
  topicRates(topic: string): MeterRates {
    return this.#topics.get(topic)?.rates() ?? NO_RATES
  }

  /** Messages per second from a topic to a group. */
  groupRates(group: string, topic: string): MeterRates {
    return this.#groups.get(group)?.get(topic)?.rates() ?? NO_RATES
  }

  forgetTopic(topic: string): void {
    this.#topics.delete(topic)
    for (const [group, topics] of this.#groups) {
      if (topics.delete(topic)) this.#groupMeterCount--
      if (topics.size === 0) this.#groups.delete(group)
    }
  }

  forgetGroup(group: string): void {
    this.#groupMeterCount -= this.#groups.get(group)?.size ?? 0
    this.#groups.delete(group)
  }

  /** Of the whole broker, per second: messages put, pulls that found some and that found none, messages got. */
  rates(): { readonly put: Windows; readonly found: Windows; readonly miss: Windows; readonly got: Windows } {
    return {
      put: this.#windows(this.#puts),
      found: this.#windows(this.#founds),
      miss: this.#windows(this.#misses),
      got: this.#windows(this.#gots),
    }
  }

  /** Totals at the last two midnights (local time, 0 before the start) and now. */
  putDays(): DayTotals {
    const { yesterday, today } = this.#putMornings
    return { yesterdayMorning: yesterday, todayMorning: today, now: this.totals.putMessages }
  }

  gotDays(): DayTotals {
    const { yesterday, today } = this.#gotMornings
    return { yesterdayMorning: yesterday, todayMorning: today, now: this.totals.gotMessages }
  }

  /** Takes the samples that are due. `now` is the wall clock; to be called about once a second. */
  tick(now: number): void {
    this.#sampleSecond(now)
    this.#turnDay(now)
    // A clock that was set back must not stop the sampling.
    if (Math.abs(now - this.#sampledAtMs) < SAMPLE_INTERVAL_MS) return
    this.#sampledAtMs = now
    this.latency.turn(now)
    for (const [topic, meter] of this.#topics) if (!meter.sample()) this.#topics.delete(topic)
    for (const [group, topics] of this.#groups) {
      for (const [topic, meter] of topics)
        if (!meter.sample()) {
          topics.delete(topic)
          this.#groupMeterCount--
        }
      if (topics.size === 0) this.#groups.delete(group)
    }
  }

  #topic(topic: string): Meter {
    let meter = this.#topics.get(topic)
    if (meter === undefined) {
      if (this.#topics.size >= this.#metersMax) return this.#otherTopics
      meter = new Meter()
      this.#topics.set(topic, meter)
    }
    return meter
  }

  #group(group: string, topic: string): Meter {
    let topics = this.#groups.get(group)
    let meter = topics?.get(topic)
    if (meter === undefined) {
      if (this.#groupMeterCount >= this.#metersMax) return this.#otherGroups
      this.#groupMeterCount++
      meter = new Meter()
      if (topics === undefined) {
        topics = new Map()
        this.#groups.set(group, topics)
      }
      topics.set(topic, meter)
    }
    return meter
  }

  #sampleSecond(now: number): void {
    const at = this.#secondCount++ % SECONDS
    const { totals } = this
    this.#seconds[at] = now
    this.#puts[at] = totals.putMessages
    this.#founds[at] = totals.foundPulls
    this.#misses[at] = totals.missPulls
    this.#gots[at] = totals.gotMessages
  }

  #windows(values: Float64Array): Windows {
    return {
      last10s: this.#rate(values, 10),
      last60s: this.#rate(values, 60),
      last600s: this.#rate(values, 600),
    }
  }

  /** Over the window, or since the start when that is shorter ago. */
  #rate(values: Float64Array, windowS: number): number {
    const steps = Math.min(windowS, this.#secondCount - 1, SECONDS - 1)
    if (steps <= 0) return 0
    const last = (this.#secondCount - 1) % SECONDS
    const first = (this.#secondCount - 1 - steps) % SECONDS
    const elapsedMs = (this.#seconds[last] ?? 0) - (this.#seconds[first] ?? 0)
    if (elapsedMs <= 0) return 0
    return (((values[last] ?? 0) - (values[first] ?? 0)) * 1000) / elapsedMs
  }

  #turnDay(now: number): void {
    const day = new Date(now).toDateString()
    if (day === this.#today) return
    if (this.#today !== undefined) {
      this.#putMornings = { yesterday: this.#putMornings.today, today: this.totals.putMessages }
      this.#gotMornings = { yesterday: this.#gotMornings.today, today: this.totals.gotMessages }
    }
    this.#today = day
  }
}

const NO_RATES: MeterRates = { last10s: 0, last60s: 0, last600s: 0 }
