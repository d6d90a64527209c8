/** Upper bounds of RocketMQ's distribution in ms, the first for what took less than one; the last bucket has none. */
const BOUNDS_MS = [0, 10, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000, 10_000]
const NAMES = [
  '<=0ms',
  '0~10ms',
  '10~50ms',
  '50~100ms',
  '100~200ms',
  '200~500ms',
  '500ms~1s',
  '1~2s',
  '2~3s',
  '3~4s',
  '4~5s',
  '5~10s',
  '10s~',
]
/** Fine buckets: four to each doubling of microseconds, up to some four minutes. */
const FINE_PER_DOUBLING = 4
const FINE = 28 * FINE_PER_DOUBLING
const TURN_INTERVAL_MS = 60_000

/** How long puts took. Percentiles are those of the last one to two minutes, the distribution and maximum since the start. */
export class PutLatency {
  readonly #distribution = new Float64Array(NAMES.length)
  #recent = new Uint32Array(FINE)
  #before = new Uint32Array(FINE)
  #turnedAtMs = Number.NEGATIVE_INFINITY
  maxMs = 0
  totalMs = 0

  add(elapsedMs: number): void {
    this.totalMs += elapsedMs
    if (elapsedMs > this.maxMs) this.maxMs = elapsedMs
    let bucket = elapsedMs < 1 ? 0 : 1
    while (bucket > 0 && bucket < BOUNDS_MS.length && elapsedMs > (BOUNDS_MS[bucket] ?? 0)) bucket++
    this.#distribution[bucket] = (this.#distribution[bucket] ?? 0) + 1
    const fine = Math.min(FINE - 1, Math.floor(Math.log2(elapsedMs * 1000 + 1) * FINE_PER_DOUBLING))
    this.#recent[fine] = (this.#recent[fine] ?? 0) + 1
  }

  /** Milliseconds that this part of the puts did not exceed, to a fifth exactly; 0 without puts. */
  percentileMs(part: number): number {
    let total = 0
    for (let at = 0; at < FINE; at++) total += this.#countAt(at)
    if (total === 0) return 0
    let left = total * part
    for (let at = 0; at < FINE; at++) {
      left -= this.#countAt(at)
      if (left <= 0) return Math.min(this.maxMs, (2 ** ((at + 1) / FINE_PER_DOUBLING) - 1) / 1000)
    }
    return this.maxMs
  }

  /** `[<=0ms]:36 [0~10ms]:14 …`, as StoreStatsService prints it. */
  distributionText(): string {
    return NAMES.map((name, bucket) => `[${name}]:${this.#distribution[bucket]} `).join('')
  }

  /** Forgets what is older than two minutes. */
  turn(now: number): void {
    if (Math.abs(now - this.#turnedAtMs) < TURN_INTERVAL_MS) return
    this.#turnedAtMs = now
    const old = this.#before
    this.#before = this.#recent
    this.#recent = old.fill(0)
  }

  #countAt(at: number): number {
    return (this.#recent[at] ?? 0) + (this.#before[at] ?? 0)
  }
}
