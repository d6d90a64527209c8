import type { SubscriptionData } from '../remoting/bodies/heartbeat.ts'

/**
 * As ConsumerGroupInfo.updateSubscription: a known topic is replaced only by a larger subVersion, a new one is added, one that
 * is not listed any more goes. True when topics came or went.
 */
export function updateSubscriptions(
  known: Map<string, SubscriptionData>,
  listed: readonly SubscriptionData[],
): boolean {
  let isChanged = false
  const topics = new Set<string>()
  for (const subscription of listed) {
    const { topic } = subscription
    topics.add(topic)
    const old = known.get(topic)
    if (old === undefined) isChanged = true
    if (old === undefined || subscription.subVersion > old.subVersion) known.set(topic, subscription)
  }
  for (const topic of known.keys()) {
    if (topics.has(topic)) continue
    known.delete(topic)
    isChanged = true
  }
  return isChanged
}

/** Equal for equal subscriptions, whatever their order and version. */
export const subscriptionsText = (subscriptions: readonly SubscriptionData[]): string =>
  subscriptions
    .map(({ topic, expressionType, subString }) => `${topic} ${expressionType} ${subString}`)
    .sort()
    .join('\n')
