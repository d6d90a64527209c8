import type { MessageQueue } from '../remoting/bodies/message-queue.ts'

/** Locks of ordered consumers: one client of a group owns a queue for 60 s. Memory only, monotonic milliseconds. */
export class QueueLocks {
  lock(_group: string, _clientId: string, _queue: MessageQueue, _nowMs: number): boolean {
    return false
  }
  unlock(_group: string, _clientId: string, _queue: MessageQueue): void {}
  isLockedBy(_group: string, _clientId: string, _queue: MessageQueue, _nowMs: number): boolean {
    return false
  }
  /** True when any queue of the group is held: its retries then are those of an ordered consumer (protocol §6.1). */
  hasLiveLock(_group: string, _nowMs: number): boolean {
    return false
  }
  tick(_nowMs: number): void {}
}
