/** A RocketCluster with every default filled in: what `up` and the operator work from. */
export interface Cluster {
  /** metadata.name */
  readonly name: string
  /** brokerClusterName */
  readonly clusterName: string
  readonly nameServers: { readonly replicas: number }
  readonly groups: readonly BrokerGroup[]
}

export interface BrokerGroup {
  /** brokerName */
  readonly name: string
  /** Brokers: one master, the others slaves. */
  readonly replicas: number
  readonly role: 'ASYNC_MASTER' | 'SYNC_MASTER'
  readonly flush: 'ASYNC_FLUSH' | 'SYNC_FLUSH'
  /** Keys of broker.conf, checked, in the form that a properties file has. */
  readonly config: Readonly<Record<string, string>>
  readonly storageSize: string
}
