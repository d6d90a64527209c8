import type { Metrics, Sample } from '../base/metrics.ts'
import type { Nameserver } from './nameserver.ts'

/** Upper bounds in seconds: a kept answer takes microseconds, the budget is 5 ms. */
const ROUTE_SECONDS = [0.000_02, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.025, 0.1]

/** Apache RocketMQ 5 has no metrics of its nameserver, so that all names are ours. */
export function nameserverMetrics(metrics: Metrics, nameserver: Nameserver): void {
  const { routes } = nameserver
  metrics.gauge('rocketcluster_nameserver_brokers', 'Registered broker addresses', () =>
    brokerSamples(nameserver),
  )
  metrics.gauge('rocketcluster_nameserver_topics', 'Topics with a route', () => [[{}, routes.topics.size]])
  metrics.gauge(
    'rocketcluster_nameserver_topic_placements',
    'Distinct ways in which topics lie on brokers; memory grows with these',
    () => [[{}, routes.topics.placementCount]],
  )
  metrics.gauge('rocketcluster_nameserver_kv_entries', 'Entries of the KV configuration', () => [
    [{}, nameserver.kv.entryCount],
  ])
  metrics.gauge('rocketcluster_nameserver_connections', 'Open connections', () => [
    [{}, nameserver.connectionCount],
  ])
  metrics.gauge('rocketcluster_nameserver_route_cache_bytes', 'Memory held by encoded route answers', () => [
    [{}, nameserver.answers.keptBytes],
  ])
  metrics.counter('rocketcluster_nameserver_requests_total', 'Requests by name', () =>
    nameserver.requestCounts().map(([request, count]): Sample => [{ request }, count]),
  )
  metrics.counter(
    'rocketcluster_nameserver_registrations_total',
    'Registrations of brokers: applied, unchanged since the one before, or refused',
    () =>
      Object.entries(nameserver.registrationCounts).map(([outcome, count]): Sample => [{ outcome }, count]),
  )
  nameserver.observeRoutes(
    metrics.histogram(
      'rocketcluster_nameserver_route_seconds',
      'Time from a decoded route request to its answer',
      ROUTE_SECONDS,
    ),
  )
}

function brokerSamples({ routes }: Nameserver): readonly Sample[] {
  const counts = new Map<string, { masters: number; slaves: number }>()
  for (const group of routes.brokers.groups.values()) {
    const count = counts.get(group.clusterName) ?? { masters: 0, slaves: 0 }
    counts.set(group.clusterName, count)
    for (const id of group.members.keys()) count[id === 0 ? 'masters' : 'slaves'] += 1
  }
  return [...counts].flatMap(([cluster, { masters, slaves }]): Sample[] => [
    [{ cluster, role: 'master' }, masters],
    [{ cluster, role: 'slave' }, slaves],
  ])
}
