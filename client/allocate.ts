import type { MessageQueue } from './message.ts'

/**
 * How the queues of a topic are shared among the members of a group. Every member computes the same answer from the same
 * sorted lists, so nobody has to decide for the others; Java's AllocateMessageQueueAveragely gives the same slices, which
 * lets Java and TypeScript members share a group.
 */
export function allocateAveragely(
  clientId: string,
  clientIds: readonly string[],
  queues: readonly MessageQueue[],
): readonly MessageQueue[] {
  const members = [...new Set(clientIds)].sort(compareText)
  const index = members.indexOf(clientId)
  if (index < 0) return []
  const sorted = [...queues].sort(compareQueues)
  const share = Math.floor(sorted.length / members.length)
  const rest = sorted.length % members.length
  // The first `rest` members take one queue more.
  const start = index * share + Math.min(index, rest)
  return sorted.slice(start, start + share + (index < rest ? 1 : 0))
}

/** Java's order of queues: topic, broker name, queue id. */
export function compareQueues(a: MessageQueue, b: MessageQueue): number {
  return compareText(a.topic, b.topic) || compareText(a.brokerName, b.brokerName) || a.queueId - b.queueId
}

/** By UTF-16 units as String.compareTo does; never by locale. */
function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

export const queueKey = (queue: MessageQueue): string => `${queue.topic}@${queue.brokerName}@${queue.queueId}`
