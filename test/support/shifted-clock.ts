import { type Clock, systemClock } from '../../base/clock.ts'
import { type Timestamp, timestamp } from '../../base/units.ts'

/** The system's clock with time added: servers see minutes pass while their clients go on at the pace of the test. */
export class ShiftedClock implements Clock {
  #shiftMs = 0

  now(): Timestamp {
    return timestamp(systemClock.now() + this.#shiftMs)
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#shiftMs
  }

  /**
   * Lets time pass in steps of two seconds, each with a moment of real time in which whoever is alive shows it, and then a tick of the
   * servers: to them a longer jump is a stall of their own.
   */
  async pass(ms: number, tick: () => void): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.#shiftMs += Math.min(STEP_MS, left)
      await new Promise((resolve) => setTimeout(resolve, MOMENT_MS))
      tick()
    }
  }
}

const STEP_MS = 2000
const MOMENT_MS = 12
