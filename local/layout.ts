import { join } from 'node:path'
import { type BrokerPlace, brokerProperties, propertiesText } from '../cluster/broker-config.ts'
import type { Cluster } from '../cluster/cluster.ts'

/**
 * Ports of a cluster on one machine. By default those that RocketMQ's users know, each further server of a kind beside the
 * first: nameservers 9876, 9877 …, brokers 10911, 10921 … (replication one above), metrics 5556, 5566 … and 5557, 5567 …
 * With a base of one's own: nameservers base + 0, 1 …, their metrics base + 50 …, brokers base + 100, 110 … with
 * replication one and metrics five above.
 */
export interface PortScheme {
  nameserver(index: number): number
  nameserverMetrics(index: number): number
  broker(index: number): number
  brokerMetrics(index: number): number
}

export const usualPorts: PortScheme = {
  nameserver: (index) => 9876 + index,
  nameserverMetrics: (index) => 5556 + 10 * index,
  broker: (index) => 10911 + 10 * index,
  brokerMetrics: (index) => 5557 + 10 * index,
}

export const portsFrom = (base: number): PortScheme => ({
  nameserver: (index) => base + index,
  nameserverMetrics: (index) => base + 50 + index,
  broker: (index) => base + 100 + 10 * index,
  brokerMetrics: (index) => base + 105 + 10 * index,
})

/** The highest base with room for as many groups as a manifest may have. */
export const PORT_BASE_MAX = 65_535 - 100 - 10 * 100

/** One process of the cluster. */
export interface Server {
  /** nameserver-0, broker-a */
  readonly name: string
  readonly program: 'nameserver' | 'broker'
  readonly host: string
  /** Where clients connect. */
  readonly port: number
  readonly metricsPort: number
  /** Everything it will listen on. */
  readonly ports: readonly number[]
  readonly folder: string
  /** Written before the start, read by the program with `-c`. */
  readonly configFile: string
  readonly configText: string
}

export interface Layout {
  readonly nameservers: readonly Server[]
  readonly brokers: readonly Server[]
  /** NAMESRV_ADDR */
  readonly namesrvAddr: string
}

/** Loopback only: a cluster that was started to try something is open to nobody else. */
const HOST = '127.0.0.1'
/** fastListenEnable */
const FAST_PORT_DISTANCE = 2
const WRITTEN_BY = 'Written by "rocketcluster up" at each start: change the manifest instead.'

/** Which servers a cluster has on this machine. `folder` is absolute. Masters only. */
export function layOut(cluster: Cluster, folder: string, ports: PortScheme): Layout {
  const nameservers = Array.from({ length: cluster.nameServers.replicas }, (_, index): Server => {
    const name = `nameserver-${index}`
    const own = join(folder, name)
    const port = ports.nameserver(index)
    const metricsPort = ports.nameserverMetrics(index)
    const properties = new Map([
      ['listenPort', String(port)],
      ['bindAddress', HOST],
      ['metricsPort', String(metricsPort)],
      ['kvConfigPath', join(own, 'kvConfig.json')],
      ['configStorePath', join(own, 'namesrv.conf')],
    ])
    return {
      name,
      program: 'nameserver',
      host: HOST,
      port,
      metricsPort,
      ports: [port, metricsPort],
      folder: own,
      configFile: join(own, 'namesrv.conf'),
      configText: propertiesText(WRITTEN_BY, properties),
    }
  })
  const addresses = nameservers.map(({ host, port }) => `${host}:${port}`)
  const brokers = cluster.groups.map((group, index): Server => {
    const own = join(folder, group.name)
    const place: BrokerPlace = {
      index: 0,
      bindAddress: HOST,
      host: HOST,
      listenPort: ports.broker(index),
      haListenPort: ports.broker(index) + 1,
      metricsPort: ports.brokerMetrics(index),
      nameservers: addresses,
      storeFolder: join(own, 'store'),
    }
    return {
      name: group.name,
      program: 'broker',
      host: HOST,
      port: place.listenPort,
      metricsPort: place.metricsPort,
      ports: [
        place.listenPort,
        place.metricsPort,
        ...(group.config.fastListenEnable === 'true' ? [place.listenPort - FAST_PORT_DISTANCE] : []),
      ],
      folder: own,
      configFile: join(own, 'broker.conf'),
      configText: propertiesText(WRITTEN_BY, brokerProperties(cluster, group, place)),
    }
  })
  return { nameservers, brokers, namesrvAddr: addresses.join(';') }
}

/** What of a manifest cannot be done on this machine by this version, in words; empty when all can. */
export function whatIsMissing(cluster: Cluster): readonly string[] {
  const missing: string[] = []
  for (const { name, replicas, role } of cluster.groups) {
    if (replicas > 1)
      missing.push(
        `group ${name}: replicasPerGroup ${replicas}: this version runs masters only, it does not replicate yet. Set it to 1`,
      )
    if (role !== 'ASYNC_MASTER')
      missing.push(
        `group ${name}: role ${role}: without slaves nobody could hold what is acknowledged. Set it to ASYNC_MASTER, and flush to SYNC_FLUSH where messages have to survive a power cut`,
      )
  }
  return missing
}
