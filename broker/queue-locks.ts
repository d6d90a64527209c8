import type { MessageQueue } from '../remoting/bodies/message-queue.ts'

/** rocketmq.broker.rebalance.lockMaxLiveTime: clients prolong every 20 s. */
const LOCK_LIVE_MS = 60_000
/** About 30 MB; more ordered queues than a broker has. */
const LOCKS_MAX = 200_000
/** How often expired locks are thrown away; they count as free from the moment they expire. */
const SWEEP_INTERVAL_MS = 10_000

interface QueueLock {
  readonly clientId: string
  renewedAtMs: number
}

/**
 * Locks of ordered consumers: one client of a group owns a queue for 60 s. In memory only, as in RocketMQ: a restart frees
 * them all. Times are monotonic milliseconds.
 */
export class QueueLocks {
  readonly #groups = new Map<string, Map<string, QueueLock>>()
  readonly #locksMax: number
  #count = 0
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(limits: { readonly locksMax?: number } = {}) {
    this.#locksMax = limits.locksMax ?? LOCKS_MAX
  }

  get size(): number {
    return this.#count
  }

  /** Takes, prolongs or takes over an expired lock. False when another client holds it, or when there are too many locks. */
  lock(group: string, clientId: string, queue: MessageQueue, nowMs: number): boolean {
    const key = keyOf(queue)
    let locks = this.#groups.get(group)
    const known = locks?.get(key)
    if (known !== undefined && known.clientId === clientId) {
      known.renewedAtMs = nowMs
      return true
    }
    if (known !== undefined && isLive(known, nowMs)) return false
    if (known === undefined) {
      if (this.#count >= this.#locksMax) return false
      this.#count++
    }
    if (locks === undefined) {
      locks = new Map()
      this.#groups.set(group, locks)
    }
    locks.set(key, { clientId, renewedAtMs: nowMs })
    return true
  }

  /** Only its owner frees a lock; anything else is not an error and does nothing. */
  unlock(group: string, clientId: string, queue: MessageQueue): void {
    const locks = this.#groups.get(group)
    const key = keyOf(queue)
    if (locks?.get(key)?.clientId === clientId) this.#remove(group, locks, key)
  }

  isLockedBy(group: string, clientId: string, queue: MessageQueue, nowMs: number): boolean {
    const known = this.#groups.get(group)?.get(keyOf(queue))
    return known !== undefined && known.clientId === clientId && isLive(known, nowMs)
  }

  /** True when any queue of the group is held: its retries then are those of an ordered consumer (protocol §6.1). */
  hasLiveLock(group: string, nowMs: number): boolean {
    const locks = this.#groups.get(group)
    if (locks === undefined) return false
    for (const lock of locks.values()) if (isLive(lock, nowMs)) return true
    return false
  }

  /** Forgets expired locks. */
  tick(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < SWEEP_INTERVAL_MS) return
    this.#sweptAtMs = nowMs
    for (const [group, locks] of this.#groups)
      for (const [key, lock] of locks) if (!isLive(lock, nowMs)) this.#remove(group, locks, key)
  }

  #remove(group: string, locks: Map<string, QueueLock>, key: string): void {
    locks.delete(key)
    this.#count--
    if (locks.size === 0) this.#groups.delete(group)
  }
}

const isLive = (lock: QueueLock, nowMs: number): boolean => nowMs - lock.renewedAtMs <= LOCK_LIVE_MS

/** A topic name has no '@', so two queues never share a key. */
const keyOf = (queue: MessageQueue): string => `${queue.topic}@${queue.queueId}@${queue.brokerName}`
