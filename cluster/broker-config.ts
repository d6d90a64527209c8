import { formatProperty } from '../settings/properties-file.ts'
import type { BrokerGroup, Cluster } from './cluster.ts'

/** Where one broker runs: what the manifest does not say. */
export interface BrokerPlace {
  /** Position in its group: 0 is the master of a fresh group. */
  readonly index: number
  readonly bindAddress: string
  /** Advertised to clients, and to slaves. */
  readonly host: string
  readonly listenPort: number
  readonly haListenPort: number
  readonly metricsPort: number
  readonly nameservers: readonly string[]
  readonly storeFolder: string
}

/** The broker.conf of one broker, key by key: the same rendering wherever a cluster runs. */
export function brokerProperties(
  cluster: Cluster,
  group: BrokerGroup,
  place: BrokerPlace,
): ReadonlyMap<string, string> {
  return new Map<string, string>([
    ['brokerClusterName', cluster.clusterName],
    ['brokerName', group.name],
    ['brokerId', String(place.index)],
    ['brokerRole', place.index === 0 ? group.role : 'SLAVE'],
    ['flushDiskType', group.flush],
    ['namesrvAddr', place.nameservers.join(';')],
    ['bindAddress', place.bindAddress],
    ['brokerIP1', place.host],
    ['brokerIP2', place.host],
    ['listenPort', String(place.listenPort)],
    ['haListenPort', String(place.haListenPort)],
    ['metricsPort', String(place.metricsPort)],
    ['storePathRootDir', place.storeFolder],
    ...Object.entries(group.config).sort(([a], [b]) => (a < b ? -1 : 1)),
  ])
}

/** As a properties file that `mqbroker -c` reads. */
export function propertiesText(comment: string, properties: ReadonlyMap<string, string>): string {
  const lines = [`# ${comment}`, ...[...properties].map(([key, value]) => formatProperty(key, value))]
  return lines.map((line) => `${line}\n`).join('')
}
