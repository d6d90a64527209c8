import type { Peer } from '../remoting/peer.ts'
import type { Arrival } from '../store/store.ts'

/** Why a parked pull goes on. */
export type WakeReason = 'arrival' | 'deadline' | 'closed' | 'stopping'

/** A pull that found nothing and waits for the next message of its queue. */
export interface ParkedPull {
  readonly topic: string
  readonly queueId: number
  /** The offset it waits for: a message at or above it wakes the pull. */
  readonly offset: number
  /** Absent = every message. */
  readonly matches: ((tagsCode: number) => boolean) | undefined
  /** Monotonic milliseconds. */
  readonly deadlineMs: number
  readonly peer: Peer
  /** Called exactly once. */
  readonly wake: (reason: WakeReason) => void
}

/** Parked pulls of all queues: bounded, freed at once when their connection closes. */
export class LongPolls {
  constructor(_limits: { readonly waitingMax: number }) {}

  get waitingCount(): number {
    return 0
  }

  /** False when there are too many already: the pull is then answered at once. */
  park(_poll: ParkedPull): boolean {
    throw new Error('not built yet')
  }

  /** A message became readable. */
  arrived(_arrival: Arrival): void {
    throw new Error('not built yet')
  }

  /** Wakes what is due. */
  tick(_nowMonotonicMs: number): void {
    throw new Error('not built yet')
  }

  /** Wakes everything with 'stopping'; parks nothing any more. */
  close(): void {
    throw new Error('not built yet')
  }
}
