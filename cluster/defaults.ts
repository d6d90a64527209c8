import type { BrokerGroup, Cluster } from './cluster.ts'
import { knownConfig } from './config.ts'
import { clusterSpec } from './schema.ts'
import { groupNames, type Manifest } from './validate.ts'

const { nameServers, brokers } = clusterSpec.fields
const { replicasPerGroup, role, flush, storage } = brokers.fields

/** Fills in what a checked manifest leaves out. What a group overrides goes before what all groups have. */
export function withDefaults({ name, spec }: Manifest): Cluster {
  const common = spec.brokers ?? {}
  const groups = groupNames(spec).map((group): BrokerGroup => {
    const own = common.overrides?.find((override) => override.name === group) ?? {}
    return {
      name: group,
      replicas: common.replicasPerGroup ?? given(replicasPerGroup.default),
      role: common.role ?? given(role.default),
      flush: own.flush ?? common.flush ?? given(flush.default),
      config: { ...knownConfig(common.config ?? {}), ...knownConfig(own.config ?? {}) },
      storageSize: String(own.storage?.size ?? common.storage?.size ?? storage.fields.size.default),
    }
  })
  return {
    name,
    clusterName: spec.clusterName ?? name,
    nameServers: { replicas: spec.nameServers?.replicas ?? given(nameServers.fields.replicas.default) },
    groups,
  }
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the schema has a default here')
  return value
}
