import { type Timestamp, timestamp } from './units.ts'

/** Time and chance are arguments: these two are handed down from bin/, tests hand down their own. */
export interface Clock {
  /** Wall clock, for what is stored and shown. May jump. */
  now(): Timestamp
  /** Milliseconds that never go back, with a fraction, for durations and deadlines. */
  monotonicMs(): number
}

/** A number in [0, 1). */
export type Random = () => number

export const systemClock: Clock = {
  now: () => timestamp(Date.now()),
  monotonicMs: () => performance.now(),
}
