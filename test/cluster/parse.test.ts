import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cluster } from '../../cluster/cluster.ts'
import { ManifestError, parseManifest } from '../../cluster/parse.ts'

const head = 'apiVersion: rocketcluster.io/v1alpha1\nkind: RocketCluster\nmetadata:\n  name: orders\n'
const parse = (spec: string): Cluster => parseManifest(head + spec, 'x.yaml').cluster
const linesOf = (text: string): readonly string[] => {
  try {
    parseManifest(text, 'x.yaml')
  } catch (error) {
    assert(error instanceof ManifestError, String(error))
    return error.lines
  }
  return []
}

test('a manifest that says nothing is one nameserver and one master', () => {
  assert.deepEqual(parse(''), {
    name: 'orders',
    clusterName: 'orders',
    nameServers: { replicas: 1 },
    groups: [
      {
        name: 'g1',
        replicas: 1,
        role: 'ASYNC_MASTER',
        flush: 'ASYNC_FLUSH',
        config: {},
        storageSize: '20Gi',
      },
    ],
  })
  assert.deepEqual(parse('spec:\n'), parse(''))
  assert.deepEqual(parse('spec:\n  brokers:\n  nameServers: {}\n'), parse(''))
})

const names = (spec: string): string[] => parse(spec).groups.map(({ name }) => name)
test('groups are counted, named, or both', () => {
  assert.deepEqual(names('spec: { brokers: { groups: 3 } }'), ['g1', 'g2', 'g3'])
  assert.deepEqual(names('spec: { brokers: { groupNames: [broker-a, broker-b] } }'), ['broker-a', 'broker-b'])
  assert.deepEqual(names('spec: { brokers: { groups: 3, groupNames: [broker-a] } }'), [
    'broker-a',
    'g2',
    'g3',
  ])
})

test('a group overrides what all have', () => {
  const { groups } = parse(`spec:
  clusterName: DefaultCluster
  brokers:
    groupNames: [a, b]
    flush: SYNC_FLUSH
    storage: { size: 1Ti }
    config: { maxMessageSize: 1Mi, fileReservedTime: 48 }
    overrides:
      - name: b
        flush: ASYNC_FLUSH
        storage: { size: 5 }
        config: { fileReservedTime: 24, mapedFileSizeCommitLog: 1M }
`)
  const [a, b] = groups
  assert.equal(a?.flush, 'SYNC_FLUSH')
  assert.deepEqual(a?.config, { maxMessageSize: '1048576', fileReservedTime: '48' })
  assert.equal(a?.storageSize, '1Ti')
  assert.equal(b?.flush, 'ASYNC_FLUSH')
  assert.equal(b?.storageSize, '5')
  assert.deepEqual(b?.config, {
    maxMessageSize: '1048576',
    fileReservedTime: '24',
    mappedFileSizeCommitLog: '1000000',
  })
})

const spec = (text: string): string => `${head}spec:\n${text}\n`
const bad: readonly (readonly [what: string, text: string, expected: RegExp])[] = [
  ['no YAML', 'a: [1', /^x\.yaml:1: /],
  ['a key twice', `${head}kind: X\n`, /^x\.yaml:5: Map keys must be unique/],
  ['nothing', '', /^x\.yaml: no RocketCluster in it/],
  ['a text', 'hello', /^x\.yaml:1: a RocketCluster was expected, not "hello"/],
  ['a list', '- a', /not a list/],
  [
    'another version',
    head.replace('v1alpha1', 'v9'),
    /^x\.yaml:1: apiVersion: "rocketcluster\.io\/v9"; allowed: rocketcluster\.io\/v1alpha1/,
  ],
  ['another group', head.replace('rocketcluster.io', 'apache.org'), /^x\.yaml:1: apiVersion/],
  [
    'a kind of ours that does not exist',
    head.replace('kind: RocketCluster', 'kind: RocketClusters'),
    /^x\.yaml:2: kind: "RocketClusters"; allowed: RocketCluster/,
  ],
  ['no kind', 'apiVersion: rocketcluster.io/v1alpha1\nmetadata: {name: x}\n', /kind: nothing; allowed/],
  ['no name', 'apiVersion: rocketcluster.io/v1alpha1\nkind: RocketCluster\n', /metadata\.name: missing/],
  [
    'a name in capitals',
    head.replace('orders', 'Orders'),
    /^x\.yaml:4: metadata\.name: "Orders"; allowed: lower case letters/,
  ],
  ['a name that leads out of the data folder', head.replace('orders', '../etc'), /metadata\.name/],
  [
    'an unknown field',
    spec('  broker: {}'),
    /^x\.yaml:6: spec\.broker: unknown field, did you mean brokers\?; allowed: clusterName, nameServers, brokers/,
  ],
  [
    'an unknown field at the top',
    `${head}specs: {}\n`,
    /^x\.yaml:5: specs: unknown field, did you mean spec\?/,
  ],
  [
    'a text for a number',
    spec('  nameServers:\n    replicas: many'),
    /^x\.yaml:7: spec\.nameServers\.replicas: "many"; allowed: a whole number from 1 to 7/,
  ],
  ['a number that is too big', spec('  nameServers: { replicas: 8 }'), /from 1 to 7/],
  ['a fraction', spec('  brokers: { groups: 1.5 }'), /from 1 to 100/],
  ['a list for a number', spec('  brokers: { groups: [a, b] }'), /a list; allowed: a whole number/],
  ['an object for a list', spec('  brokers: { groupNames: { a: 1 } }'), /an object; allowed: a list/],
  [
    'a scalar for an object',
    spec('  brokers: 2'),
    /^x\.yaml:6: spec\.brokers: 2; allowed: the fields groups, groupNames/,
  ],
  ['an unknown choice', spec('  brokers: { flush: SYNC }'), /"SYNC"; allowed: ASYNC_FLUSH, SYNC_FLUSH/],
  ['a size without sense', spec('  brokers: { storage: { size: big } }'), /"big"; allowed: a quantity like/],
  ['a name twice', spec('  brokers: { groupNames: [a, a] }'), /groupNames\[1\]: "a" stands there twice/],
  [
    'a name that counting would give again',
    spec('  brokers: { groups: 2, groupNames: [g2] }'),
    /two groups would be called g2/,
  ],
  [
    'more names than groups',
    spec('  brokers: { groups: 1, groupNames: [a, b] }'),
    /at least as many groups as names/,
  ],
  [
    'an override of no group',
    spec('  brokers:\n    groupNames: [broker-a]\n    overrides:\n      - name: broker-b'),
    /^x\.yaml:9: spec\.brokers\.overrides\[0\]\.name: no group is called broker-b, did you mean broker-a\?; allowed: broker-a/,
  ],
  [
    'an override without a name',
    spec('  brokers: { overrides: [{ flush: SYNC_FLUSH }] }'),
    /overrides\[0\]\.name: missing/,
  ],
  [
    'two overrides of a group',
    spec('  brokers: { overrides: [{ name: g1 }, { name: g1 }] }'),
    /stands there twice/,
  ],
  [
    'a bad value of a key',
    spec('  brokers:\n    config:\n      fileReservedTime: 2d'),
    /^x\.yaml:8: spec\.brokers\.config\.fileReservedTime: "2d"; allowed: a whole number from 1/,
  ],
  [
    'a key that the manifest says elsewhere',
    spec('  brokers: { config: { brokerName: x } }'),
    /cannot be set here: spec\.brokers\.groupNames/,
  ],
  ['a key of the place', spec('  brokers: { config: { storePathRootDir: / } }'), /cannot be set here/],
  [
    'a key whose promise would be broken',
    spec('  brokers: { config: { authenticationEnabled: true } }'),
    /access control is not built yet/,
  ],
  [
    'an object for a value',
    spec('  brokers: { config: { fileReservedTime: { a: 1 } } }'),
    /keys with one value each/,
  ],
  ['two clusters', `${head}---\n${head}`, /^x\.yaml:6: a second RocketCluster/],
  [
    'an alias bomb',
    `${head}spec: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    /alias/i,
  ],
  ['a megabyte of anything', `#${'x'.repeat(1024 * 1024)}`, /no manifest/],
]
for (const [what, text, expected] of bad)
  test(`a manifest with ${what} is refused with its line, its path and what is allowed`, () => {
    const lines = linesOf(text)
    assert(lines.length > 0, 'it was accepted')
    assert.match(lines.join('\n'), expected)
  })

test('all problems of a manifest are named at once', () => {
  assert.equal(linesOf(spec('  nameServers: { replicas: 0 }\n  brokers: { groups: 0, flush: x }')).length, 3)
})

test('an unknown key of broker.conf is a warning and has no effect', () => {
  const { cluster, warnings } = parseManifest(
    spec(
      '  brokers:\n    config:\n      fileReserveTime: 48\n      transactionCheckMax: 3\n      sendMessageThreadPoolNums: 9',
    ),
    'x.yaml',
  )
  assert.deepEqual(cluster.groups[0]?.config, {})
  assert.deepEqual(warnings, [
    'x.yaml:8: spec.brokers.config.fileReserveTime: unknown key, it has no effect, did you mean fileReservedTime?',
    'x.yaml:9: spec.brokers.config.transactionCheckMax: no effect: transactions are not built yet',
  ])
})

test('other documents may stand beside the cluster', () => {
  const { cluster, warnings } = parseManifest(
    `apiVersion: v1\nkind: Namespace\nmetadata: { name: mq }\n---\n${head}---\napiVersion: rocketcluster.io/v1alpha1\nkind: RocketTopic\n---\n`,
    'x.yaml',
  )
  assert.equal(cluster.name, 'orders')
  assert.deepEqual(warnings, [
    'x.yaml:1: Namespace left out',
    'x.yaml:10: RocketTopic is not understood by this version yet, left out',
  ])
})

test('labels, annotations and a status are not judged', () => {
  const text = head.replace('  name: orders', '  name: orders\n  labels: { a: b }\n  annotations: { c: d }')
  assert.deepEqual(linesOf(`${text}status: { phase: Ready }\n`), [])
})
