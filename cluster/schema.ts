import { choice, integer, list, map, object, text, type ValueOf } from './field.ts'

export const API_GROUP = 'rocketcluster.io'
export const API_VERSION = `${API_GROUP}/v1alpha1`
export const KIND = 'RocketCluster'

/** Kinds of the same group that later versions read. */
export const OTHER_KINDS = ['RocketBrokerGroup', 'RocketTopic', 'RocketConsumerGroup', 'RocketUser']

/** Names of pods and Services are made of it, with `-`, a group and a number: 63 characters are the limit there. */
export const clusterName = text('name of the cluster', {
  pattern: /^[a-z]([a-z0-9-]*[a-z0-9])?$/,
  allowed: 'lower case letters, digits and "-", a letter first, at most 40',
  lengthMax: 40,
})

const groupName = (description: string): ReturnType<typeof text> =>
  text(description, {
    pattern: /^[a-z]([a-z0-9-]*[a-z0-9])?$/,
    allowed: 'lower case letters, digits and "-", a letter first, at most 20',
    lengthMax: 20,
  })

const quantity = (description: string, byDefault?: string): ReturnType<typeof text> =>
  text(description, {
    pattern: /^[1-9]\d{0,14}(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/,
    allowed: 'a quantity like 500Mi, 20Gi or 1Ti',
    lengthMax: 20,
    ...(byDefault === undefined ? {} : { default: byDefault }),
  })

const flush = 'ASYNC_FLUSH acknowledges what was written, SYNC_FLUSH what is durable on disk'
const config =
  'keys of broker.conf with their values; sizes may be written as 4Mi. Names, addresses, ports and folders are not ours to choose'
const size = 'size of the volume of each broker; without meaning for "rocketcluster up"'

/** `spec` of a RocketCluster: one source for types, checks, defaults and, in time, the custom resource definition. */
export const clusterSpec = object('a RocketMQ-compatible cluster', {
  clusterName: text('brokerClusterName, the name that clients and tools see; metadata.name when absent', {
    pattern: /^[a-zA-Z0-9_-]+$/,
    allowed: 'letters, digits, "_" and "-", at most 64',
    lengthMax: 64,
  }),
  nameServers: object('nameservers; brokers register with all of them, clients ask any', {
    replicas: integer('how many', { min: 1, max: 7, default: 1 }),
  }),
  brokers: object('broker groups: a group is a master and its slaves, which share a brokerName', {
    groups: integer('how many groups; as many as groupNames has when absent', { min: 1, max: 100 }),
    groupNames: list(
      'brokerName of each group in order; groups beyond the list are called g1, g2 … by their position',
      groupName('brokerName of the group'),
      { itemsMax: 100 },
    ),
    replicasPerGroup: integer('brokers of each group: one master, the others slaves', {
      min: 1,
      max: 7,
      default: 1,
    }),
    role: choice(
      'role of the masters: SYNC_MASTER acknowledges what its slaves hold, too. Slaves need no word',
      ['ASYNC_MASTER', 'SYNC_MASTER'],
      'ASYNC_MASTER',
    ),
    flush: choice(flush, ['ASYNC_FLUSH', 'SYNC_FLUSH'], 'ASYNC_FLUSH'),
    config: map(config),
    storage: object('disk of each broker', { size: quantity(size, '20Gi') }),
    overrides: list(
      'what single groups have different',
      object(
        'one group',
        {
          name: groupName('brokerName of the group'),
          flush: choice(flush, ['ASYNC_FLUSH', 'SYNC_FLUSH']),
          config: map(config),
          storage: object('disk of each broker of this group', { size: quantity(size) }),
        },
        ['name'],
      ),
      { itemsMax: 100, keyedBy: 'name' },
    ),
  }),
})

export type ClusterSpec = ValueOf<typeof clusterSpec>
