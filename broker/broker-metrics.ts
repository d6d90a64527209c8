import type { Labels, Metrics, Sample } from '../base/metrics.ts'
import { isRetryTopic, isSystemGroup, isSystemTopic, SCHEDULE_TOPIC } from '../message/names.ts'
import { languageName } from '../remoting/languages.ts'
import { versionName } from '../remoting/versions.ts'
import type { Broker } from './broker.ts'
import type { Member } from './clients.ts'
import type { Meter } from './meter.ts'

/** Series of one metric: the rest goes to the series OTHER, so that a broker of 100,000 topics can still be scraped. */
const SERIES_MAX = 5000
const OTHER = 'rocketcluster-other'

/** What RocketMQ puts on the metrics of its store. */
const STORAGE: Labels = { storage_type: 'local', storage_medium: 'disk' }

/** Labels of every series, as RocketMQ's exporter has them. */
export const brokerLabels = (settings: Broker['parts']['settings']): Labels => ({
  cluster: settings.brokerClusterName,
  node_type: 'broker',
  node_id: settings.brokerName,
})

/**
 * Metrics of a broker: names and labels of Apache RocketMQ 5's Prometheus exporter where it has them, so that its boards work
 * (without `otel_scope_name`); all others are called rocketcluster_….
 */
export function brokerMetrics(metrics: Metrics, broker: Broker): void {
  traffic(metrics, broker)
  consumers(metrics, broker)
  connections(metrics, broker)
  storage(metrics, broker)
  schedule(metrics, broker)
  ours(metrics, broker)
}

function traffic(metrics: Metrics, { parts }: Broker): void {
  const { stats } = parts
  const put = (value: (meter: Meter) => number) => () =>
    bounded(
      map(stats.topics(), ([topic, meter]): Sample => [topicLabels(topic), value(meter)]),
      {
        topic: OTHER,
        message_type: 'normal',
        is_system: 'false',
      },
    )
  const got = (value: (meter: Meter) => number) => () =>
    bounded(
      map(stats.groups(), ([group, topic, meter]): Sample => [outLabels(group, topic), value(meter)]),
      {
        topic: OTHER,
        consumer_group: OTHER,
        is_system: 'false',
      },
    )
  metrics.counter(
    'rocketmq_messages_in_total',
    'Messages stored',
    put((meter) => meter.messages),
  )
  metrics.counter(
    'rocketmq_throughput_in_total',
    'Bytes stored',
    put((meter) => meter.bytes),
  )
  metrics.counter(
    'rocketmq_messages_out_total',
    'Messages pulled',
    got((meter) => meter.messages),
  )
  metrics.counter(
    'rocketmq_throughput_out_total',
    'Bytes pulled',
    got((meter) => meter.bytes),
  )
  metrics.counter('rocketcluster_put_failures_total', 'Sends that the store refused', () => [
    [{}, stats.totals.putFailures],
  ])
  metrics.gauge('rocketcluster_put_latency_milliseconds', 'Time from a send to its record being stored', () =>
    [0.5, 0.99, 0.999].map((part): Sample => [{ quantile: String(part) }, stats.latency.percentileMs(part)]),
  )
}

/** How far a group is behind in a topic, in messages over all queues. */
interface Lag {
  readonly labels: Labels
  lag: number
  inflight: number
  ready: number
}

/** The three metrics of one scrape share one walk over all queues of all groups. */
const LAG_VALID_MS = 1000

function consumers(metrics: Metrics, { parts }: Broker): void {
  const { stats, clock } = parts
  let lags: readonly Lag[] = []
  let takenAtMs = Number.NEGATIVE_INFINITY
  const lag = (value: (lag: Lag) => number) => () => {
    if (clock.monotonicMs() - takenAtMs > LAG_VALID_MS) {
      lags = takeLags(parts)
      takenAtMs = clock.monotonicMs()
    }
    const samples = map(lags, (one): Sample => [one.labels, value(one)])
    return bounded(samples, { topic: OTHER, consumer_group: OTHER, is_system: 'false', is_retry: 'false' })
  }
  metrics.gauge(
    'rocketmq_consumer_lag_messages',
    'Messages that a group has not consumed',
    lag((one) => one.lag),
  )
  metrics.gauge(
    'rocketmq_consumer_inflight_messages',
    'Messages that a group has pulled and not consumed',
    lag((one) => one.inflight),
  )
  metrics.gauge(
    'rocketmq_consumer_ready_messages',
    'Messages that a group has not pulled',
    lag((one) => one.ready),
  )
  metrics.counter('rocketmq_send_to_dlq_messages_total', 'Messages that went to the dead letters', () => {
    const samples = map(
      stats.groups(),
      ([group, topic, meter]): Sample => [outLabels(group, topic), meter.deadLetters],
    )
    return bounded(samples, { topic: OTHER, consumer_group: OTHER, is_system: 'false' })
  })
}

function takeLags({ offsets, store }: Broker['parts']): readonly Lag[] {
  const lags: Lag[] = []
  for (const { group, topic, committed, pulled } of offsets.pairs()) {
    const labels = { ...outLabels(group, topic), is_retry: String(isRetryTopic(topic)) }
    const sum: Lag = { labels, lag: 0, inflight: 0, ready: 0 }
    for (const [queueId, offset] of committed.entries()) {
      if (offset < 0) continue
      const end = Math.max(offset, store.queueRange(topic, queueId).maxOffset)
      const next = Math.min(end, Math.max(offset, pulled[queueId] ?? offset))
      sum.lag += end - offset
      sum.inflight += next - offset
      sum.ready += end - next
    }
    lags.push(sum)
  }
  return lags
}

function connections(metrics: Metrics, { parts }: Broker): void {
  const { clients } = parts
  metrics.gauge('rocketmq_producer_connections', 'Connections of producers', () => {
    const counts = new Counts()
    const seen = new Set<number>()
    for (const [, members] of clients.producerGroups())
      for (const member of members.values()) {
        // A producer in several groups is one connection.
        if (seen.has(member.peer.id)) continue
        seen.add(member.peer.id)
        counts.add({ ...clientLabels(member), protocol_type: 'remoting' })
      }
    return counts.samples()
  })
  metrics.gauge('rocketmq_consumer_connections', 'Connections of consumers', () => {
    const counts = new Counts()
    for (const group of clients.consumerGroups())
      for (const member of group.members.values())
        counts.add({
          ...clientLabels(member),
          protocol_type: 'remoting',
          consumer_group: group.name,
          consume_mode: CONSUME_MODES[group.consumeType],
          is_system: String(isSystemGroup(group.name)),
        })
    return bounded(counts.samples(), { consumer_group: OTHER, is_system: 'false' })
  })
}

function storage(metrics: Metrics, { parts }: Broker): void {
  const { store, clock } = parts
  metrics.gauge('rocketmq_storage_size_bytes', 'Bytes of the commit log', () => {
    const { minPosition, maxPosition } = store.status()
    return [[STORAGE, maxPosition - minPosition]]
  })
  metrics.gauge(
    'rocketmq_storage_flush_behind_bytes',
    'Bytes that are written and not known to be durable',
    () => {
      const { maxPosition, flushedPosition } = store.status()
      return [[STORAGE, Math.max(0, maxPosition - flushedPosition)]]
    },
  )
  metrics.gauge(
    'rocketmq_storage_dispatch_behind_bytes',
    'Bytes that are stored and not readable yet',
    () => {
      const { maxPosition, dispatchedPosition } = store.status()
      return [[STORAGE, Math.max(0, maxPosition - dispatchedPosition)]]
    },
  )
  metrics.gauge('rocketmq_storage_message_reserve_time_milliseconds', 'Age of the oldest message', () => {
    const { earliestStoreTimestamp } = store.status()
    const age = earliestStoreTimestamp === undefined ? 0 : clock.now() - earliestStoreTimestamp
    return [[STORAGE, Math.max(0, age)]]
  })
  metrics.gauge('rocketcluster_storage_writable', '1 while messages are taken', () => [
    [STORAGE, store.status().isWritable ? 1 : 0],
  ])
  metrics.gauge('rocketcluster_storage_disk_used_ratio', 'Used part of the file system', () => [
    [STORAGE, store.status().diskUsedRatio],
  ])
  metrics.gauge('rocketcluster_storage_queues', 'Consume queues', () => [[{}, store.status().queueCount]])
}

function schedule(metrics: Metrics, { parts }: Broker): void {
  metrics.gauge('rocketcluster_schedule_waiting_messages', 'Delayed messages by level', () =>
    parts.schedule
      .progress()
      .map(({ level, nextOffset, maxOffset }): Sample => [{ level: String(level) }, maxOffset - nextOffset]),
  )
  metrics.counter(
    'rocketcluster_schedule_delivered_total',
    'Delayed messages that went to their topic',
    () => [[{}, parts.schedule.deliveredCount]],
  )
  metrics.counter('rocketcluster_schedule_skipped_total', 'Delayed messages that cannot be delivered', () => [
    [{}, parts.schedule.skippedCount],
  ])
}

function ours(metrics: Metrics, broker: Broker): void {
  const { parts } = broker
  const { settings, topics, groups, offsets, clients, queueLocks, longPolls, stats } = parts
  metrics.gauge('rocketmq_topic_number', 'Topics', () => [[{}, topics.size]])
  metrics.gauge('rocketmq_consumer_group_number', 'Consumer groups', () => [[{}, groups.size]])
  metrics.gauge('rocketmq_broker_permission', '4 = read, 2 = write', () => [[{}, settings.brokerPermission]])
  // There are no thread pools whose queues could fill up: what boards and alerts watch for here does not happen.
  metrics.gauge('rocketmq_processor_watermark', 'Requests that wait for a thread', () =>
    ['send', 'pull', 'lite_pull', 'query_message', 'client_manager', 'consumer_manager', 'heart_beat'].map(
      (processor): Sample => [{ processor }, 0],
    ),
  )
  metrics.gauge('rocketcluster_parked_pulls', 'Pulls that wait for a message', () => [
    [{}, longPolls.waitingCount],
  ])
  metrics.gauge('rocketcluster_queue_locks', 'Queues held by ordered consumers', () => [
    [{}, queueLocks.size],
  ])
  metrics.counter('rocketcluster_send_backs_total', 'Messages that consumers could not consume', () => [
    [{}, stats.sentBackCount],
  ])
  metrics.counter(
    'rocketcluster_wait_overrides_total',
    'Sends that did not want to wait (WAIT=false)',
    () => [[{}, broker.waitOverrideCount]],
  )
  metrics.counter('rocketcluster_backward_commits_total', 'Commits below the known offset', () => [
    [{}, offsets.backwardCommitCount],
  ])
  metrics.counter('rocketcluster_refused_commits_total', 'Commits without room in the offset table', () => [
    [{}, offsets.refusedCommitCount],
  ])
  metrics.counter(
    'rocketcluster_subscription_contradictions_total',
    'Heartbeats that changed the subscriptions of a group against another member',
    () => [[{}, clients.contradictionCount]],
  )
  metrics.counter(
    'rocketcluster_duplicate_client_ids_total',
    'Client ids that came over a second connection',
    () => [[{}, clients.duplicateIdCount]],
  )
}

const CONSUME_MODES = {
  CONSUME_PASSIVELY: 'push',
  CONSUME_ACTIVELY: 'pull',
  CONSUME_POP: 'pop',
} as const

const topicLabels = (topic: string): Labels => ({
  topic,
  message_type: topic === SCHEDULE_TOPIC ? 'delay' : 'normal',
  is_system: String(isSystemTopic(topic)),
})

const outLabels = (group: string, topic: string): Labels => ({
  topic,
  consumer_group: group,
  is_system: String(isSystemTopic(topic) || isSystemGroup(group)),
})

/** Language and version of RocketMQ's own clients only: anybody may send any number. */
function clientLabels({ peer }: Member): Labels {
  const version = versionName(peer.version)
  return {
    language: languageName(peer.language).toLowerCase(),
    version: version.startsWith('V') ? version.toLowerCase() : 'other',
  }
}

/** Counts how often a set of labels comes. */
class Counts {
  readonly #samples = new Map<string, { readonly labels: Labels; count: number }>()

  add(labels: Labels): void {
    const key = Object.values(labels).join('\n')
    const known = this.#samples.get(key)
    if (known === undefined) this.#samples.set(key, { labels, count: 1 })
    else known.count += 1
  }

  *samples(): Iterable<Sample> {
    for (const { labels, count } of this.#samples.values()) yield [labels, count]
  }
}

function* map<T, R>(items: Iterable<T>, to: (item: T) => R): Iterable<R> {
  for (const item of items) yield to(item)
}

/** The first samples as they are, the sum of all others under `rest`. */
function* bounded(samples: Iterable<Sample>, rest: Labels): Iterable<Sample> {
  let count = 0
  let others = 0
  for (const sample of samples) {
    if (count++ < SERIES_MAX) yield sample
    else others += sample[1]
  }
  if (count > SERIES_MAX) yield [rest, others]
}
