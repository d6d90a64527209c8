import { type Timestamp, timestamp } from '../base/units.ts'

/** How far the wall clock may be ahead of what the store knows before it is taken in slowly. */
const TRUSTED_JUMP_MS = 3_600_000

/**
 * The clock that retention goes by. It follows the wall clock, but a jump forward (a wrong clock at boot, a test of NTP) does not
 * make everything expire at once: beyond one hour it is taken in at the pace of one hour per hour. It never goes back, and
 * the state file carries it over restarts. The price: after days without power, files stay for as many days longer.
 */
export class RetentionClock {
  #value: Timestamp
  #lastMs: number
  #allowanceMs = TRUSTED_JUMP_MS

  /** `seen`: the newest time that the store knows of, 0 for a new store. */
  constructor(seen: Timestamp, wall: Timestamp, monotonicMs: number) {
    this.#value = seen === 0 ? wall : seen
    this.#lastMs = monotonicMs
  }

  get value(): Timestamp {
    return this.#value
  }

  /** True while it is behind the wall clock because of a jump. */
  isBehind(wall: Timestamp): boolean {
    return wall - this.#value > TRUSTED_JUMP_MS
  }

  advance(wall: Timestamp, monotonicMs: number): void {
    const elapsedMs = Math.max(0, monotonicMs - this.#lastMs)
    this.#lastMs = monotonicMs
    const aheadMs = wall - this.#value
    if (aheadMs <= 0) return
    const normalMs = Math.min(aheadMs, elapsedMs)
    const jumpMs = Math.min(aheadMs - normalMs, this.#allowanceMs)
    this.#allowanceMs = Math.min(TRUSTED_JUMP_MS, this.#allowanceMs - jumpMs + elapsedMs)
    this.#value = timestamp(this.#value + normalMs + jumpMs)
  }
}
