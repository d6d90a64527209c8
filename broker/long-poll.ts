import { assert } from '../base/assert.ts'
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
  /** Called exactly once, never from within `park` or `arrived`. */
  readonly wake: (reason: WakeReason) => void
}

/** Deadlines are met to this grain: one bucket of pulls is looked at per step of the clock, never all of them. */
const BUCKET_MS = 128

const bucketOf = (deadlineMs: number): number => Math.ceil(deadlineMs / BUCKET_MS)

/**
 * Parked pulls of all queues: bounded, freed at once when their connection closes. A message that does not pass the filter
 * of a pull leaves it parked (protocol §6.3).
 */
export class LongPolls {
  readonly #waitingMax: number
  readonly #byTopic = new Map<string, Map<number, Set<ParkedPull>>>()
  readonly #byBucket = new Map<number, Set<ParkedPull>>()
  readonly #byPeer = new Map<number, Set<ParkedPull>>()
  #count = 0
  #oldestBucket = 0
  #arrivedPulls: ParkedPull[] = []
  #isClosed = false

  constructor(limits: { readonly waitingMax: number }) {
    this.#waitingMax = limits.waitingMax
  }

  get waitingCount(): number {
    return this.#count
  }

  /** False when there are too many already or the broker is stopping: the pull is then answered at once. */
  park(pull: ParkedPull): boolean {
    if (this.#isClosed || this.#count >= this.#waitingMax) return false
    const bucket = bucketOf(pull.deadlineMs)
    // A deadline in a step that was looked at already would never be met.
    if (bucket < this.#oldestBucket) return false
    this.#count++
    setOf(mapOf(this.#byTopic, pull.topic), pull.queueId).add(pull)
    setOf(this.#byBucket, bucket).add(pull)
    this.#ofPeer(pull.peer).add(pull)
    return true
  }

  /**
   * A message became readable. The pulls it wakes go on after the caller's turn, so that one that is woken by the first
   * message of a batch reads the whole batch.
   */
  arrived(arrival: Arrival): void {
    if (this.#count === 0) return
    const pulls = this.#byTopic.get(arrival.topic)?.get(arrival.queueId)
    if (pulls === undefined) return
    for (const pull of pulls) {
      if (arrival.queueOffset < pull.offset) continue
      if (pull.matches !== undefined && !pull.matches(arrival.tagsCode)) continue
      this.#remove(pull)
      if (this.#arrivedPulls.push(pull) === 1) queueMicrotask(this.#wakeArrived)
    }
  }

  /** Wakes what is due. */
  tick(nowMonotonicMs: number): void {
    const due = Math.floor(nowMonotonicMs / BUCKET_MS)
    if (this.#byBucket.size > 0) {
      for (const [bucket, pulls] of this.#byBucket) {
        if (bucket > due) continue
        for (const pull of pulls) this.#wake(pull, 'deadline')
      }
    }
    this.#oldestBucket = due + 1
  }

  /** Wakes everything with 'stopping'; parks nothing any more. */
  close(): void {
    this.#isClosed = true
    for (const pulls of [...this.#byPeer.values()]) for (const pull of pulls) this.#wake(pull, 'stopping')
    assert(this.#count === 0, 'a closed long poll table holds no pull')
  }

  readonly #wakeArrived = (): void => {
    const pulls = this.#arrivedPulls
    this.#arrivedPulls = []
    for (const pull of pulls) pull.wake(pull.peer.isClosed ? 'closed' : 'arrival')
  }

  /** The pulls of a connection; one close listener a connection, however often it polls. */
  #ofPeer(peer: Peer): Set<ParkedPull> {
    const known = this.#byPeer.get(peer.id)
    if (known !== undefined) return known
    const pulls = new Set<ParkedPull>()
    this.#byPeer.set(peer.id, pulls)
    // Later than this turn: a peer that is closed already would otherwise call back before the pull is in the set.
    queueMicrotask(() => peer.onClose(() => this.#dropPeer(peer.id)))
    return pulls
  }

  #dropPeer(peerId: number): void {
    const pulls = this.#byPeer.get(peerId)
    this.#byPeer.delete(peerId)
    if (pulls !== undefined) for (const pull of pulls) this.#wake(pull, 'closed')
  }

  #wake(pull: ParkedPull, reason: WakeReason): void {
    this.#remove(pull)
    pull.wake(reason)
  }

  #remove(pull: ParkedPull): void {
    this.#count--
    const queues = this.#byTopic.get(pull.topic)
    const ofQueue = queues?.get(pull.queueId)
    assert(ofQueue?.delete(pull) === true, 'a parked pull stands in the set of its queue')
    if (ofQueue.size === 0) queues?.delete(pull.queueId)
    if (queues?.size === 0) this.#byTopic.delete(pull.topic)
    const bucket = bucketOf(pull.deadlineMs)
    const ofBucket = this.#byBucket.get(bucket)
    assert(ofBucket?.delete(pull) === true, 'a parked pull stands in the bucket of its deadline')
    if (ofBucket.size === 0) this.#byBucket.delete(bucket)
    // The set of a peer stays: it is the mark that the close listener is on, and goes when the connection does.
    this.#byPeer.get(pull.peer.id)?.delete(pull)
  }
}

function mapOf<K, L, V>(outer: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let inner = outer.get(key)
  if (inner === undefined) {
    inner = new Map()
    outer.set(key, inner)
  }
  return inner
}

function setOf<K, V>(outer: Map<K, Set<V>>, key: K): Set<V> {
  let inner = outer.get(key)
  if (inner === undefined) {
    inner = new Set()
    outer.set(key, inner)
  }
  return inner
}
