import { javaHash } from '../base/java-hash.ts'
import type { MessageQueue } from './message.ts'

/**
 * Which queue a message goes to: round robin, but after a failure not to the broker that just failed as long as there is
 * another one. Pure: the caller keeps the counter.
 */
export function chooseQueue(
  queues: readonly MessageQueue[],
  turn: number,
  failedBroker: string | undefined,
): MessageQueue | undefined {
  const count = queues.length
  for (let step = 0; step < count; step++) {
    const queue = queues[(turn + step) % count]
    if (queue && queue.brokerName !== failedBroker) return queue
  }
  return count === 0 ? undefined : queues[turn % count]
}

/** The same key always finds the same queue while the route stays (Java's SelectMessageQueueByHash). */
export function queueForKey(queues: readonly MessageQueue[], shardingKey: string): MessageQueue | undefined {
  const hash = Math.abs(javaHash(shardingKey))
  return queues[hash % queues.length]
}
