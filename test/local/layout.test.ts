import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cluster } from '../../cluster/cluster.ts'
import { parseManifest } from '../../cluster/parse.ts'
import {
  layOut,
  PORT_BASE_MAX,
  type PortScheme,
  portsFrom,
  usualPorts,
  whatIsMissing,
} from '../../local/layout.ts'

const cluster = (spec: string): Cluster =>
  parseManifest(
    `apiVersion: rocketcluster.io/v1alpha1\nkind: RocketCluster\nmetadata: {name: x}\nspec: ${spec}`,
    'x.yaml',
  ).cluster

test('the first servers have the ports that everybody knows, the next ones stand beside them', () => {
  const { nameservers, brokers, namesrvAddr } = layOut(
    cluster('{nameServers: {replicas: 2}, brokers: {groupNames: [a, b]}}'),
    '/data/x',
    usualPorts,
  )
  assert.equal(namesrvAddr, '127.0.0.1:9876;127.0.0.1:9877')
  assert.deepEqual(
    [...nameservers, ...brokers].map(({ name, port, metricsPort, folder }) => [
      name,
      port,
      metricsPort,
      folder,
    ]),
    [
      ['nameserver-0', 9876, 5556, '/data/x/nameserver-0'],
      ['nameserver-1', 9877, 5566, '/data/x/nameserver-1'],
      ['a', 10911, 5557, '/data/x/a'],
      ['b', 10921, 5567, '/data/x/b'],
    ],
  )
})

const schemes: readonly (readonly [name: string, scheme: PortScheme])[] = [
  ['the usual ports', usualPorts],
  ['ports from the lowest base', portsFrom(1)],
  ['ports from the highest base', portsFrom(PORT_BASE_MAX)],
]
for (const [name, scheme] of schemes)
  test(`the largest cluster fits into ${name} without a port used twice`, () => {
    const layout = layOut(cluster('{nameServers: {replicas: 7}, brokers: {groups: 100}}'), '/x', scheme)
    const ports = [...layout.nameservers, ...layout.brokers].flatMap((server) => server.ports)
    const replication = layout.brokers.map(({ port }) => port + 1)
    const fast = layout.brokers.map(({ port }) => port - 2)
    const all = [...ports, ...replication, ...fast]
    assert.equal(new Set(all).size, all.length)
    assert(Math.max(...all) <= 65535 && Math.min(...all) >= 1)
  })

test('everything listens on loopback and belongs to its own folder', () => {
  const { nameservers, brokers } = layOut(cluster('{}'), '/data/x', usualPorts)
  assert.match(nameservers[0]?.configText ?? '', /^bindAddress=127\.0\.0\.1$/m)
  assert.match(nameservers[0]?.configText ?? '', /^kvConfigPath=\/data\/x\/nameserver-0\/kvConfig\.json$/m)
  assert.match(brokers[0]?.configText ?? '', /^bindAddress=127\.0\.0\.1$/m)
  assert.match(brokers[0]?.configText ?? '', /^storePathRootDir=\/data\/x\/g1\/store$/m)
})

test('the port of old clients is checked for being free where it is asked for', () => {
  const { brokers } = layOut(cluster('{brokers: {config: {fastListenEnable: true}}}'), '/x', usualPorts)
  assert.deepEqual(brokers[0]?.ports, [10911, 5557, 10909])
})

test('what needs replication is said plainly, with what to change', () => {
  assert.deepEqual(whatIsMissing(cluster('{}')), [])
  assert.match(
    whatIsMissing(cluster('{brokers: {replicasPerGroup: 3}}')).join(),
    /group g1: replicasPerGroup 3: this version runs masters only.*Set it to 1/,
  )
  assert.match(
    whatIsMissing(cluster('{brokers: {role: SYNC_MASTER}}')).join(),
    /group g1: role SYNC_MASTER.*Set it to ASYNC_MASTER/,
  )
})
