import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type BrokerPlace, brokerProperties, propertiesText } from '../../cluster/broker-config.ts'
import { quantityBytes } from '../../cluster/config.ts'
import { parseManifest } from '../../cluster/parse.ts'
import { brokerKeySet } from '../../settings/broker.ts'
import { loadSettings } from '../../settings/load.ts'

const place: BrokerPlace = {
  index: 0,
  bindAddress: '127.0.0.1',
  host: '127.0.0.1',
  listenPort: 10921,
  haListenPort: 10922,
  metricsPort: 5567,
  nameservers: ['127.0.0.1:9876', '127.0.0.1:9877'],
  storeFolder: '/data/x y/broker-a',
}

const examples = join(import.meta.dirname, '..', '..', 'examples')
const manifests = readdirSync(examples).filter((name) => name.endsWith('.yaml'))
test('there are examples', () => {
  assert(manifests.length >= 2)
})
for (const name of manifests)
  test(`the example ${name} renders broker configurations that a broker reads without a warning`, () => {
    const { cluster, warnings } = parseManifest(readFileSync(join(examples, name), 'utf8'), name)
    assert.deepEqual(warnings, [])
    assert.equal(cluster.clusterName, 'DefaultCluster')
    for (const group of cluster.groups) {
      const text = propertiesText('test', brokerProperties(cluster, group, place))
      const loaded = loadSettings(brokerKeySet, {
        files: [{ name: 'broker.conf', text }],
        environment: {},
        commandLine: [],
        surroundings: { hostName: '', homeFolder: '', firstAddress: '' },
      })
      assert.deepEqual(loaded.warnings, [])
      assert.equal(loaded.settings.brokerName, group.name)
      assert.equal(loaded.settings.namesrvAddr, '127.0.0.1:9876;127.0.0.1:9877')
      assert.equal(loaded.settings.storePathRootDir, '/data/x y/broker-a')
      assert.equal(loaded.settings.listenPort, 10921)
      for (const [key, value] of Object.entries(group.config))
        assert.equal(String(loaded.settings[key as keyof typeof loaded.settings]), value)
    }
  })

test('a broker that is not the first of its group is a slave', () => {
  const { cluster } = parseManifest(
    'apiVersion: rocketcluster.io/v1alpha1\nkind: RocketCluster\nmetadata: {name: x}\nspec: {brokers: {role: SYNC_MASTER}}',
    'x',
  )
  const [group] = cluster.groups
  assert(group)
  assert.equal(brokerProperties(cluster, group, place).get('brokerRole'), 'SYNC_MASTER')
  const slave = brokerProperties(cluster, group, { ...place, index: 1 })
  assert.equal(slave.get('brokerRole'), 'SLAVE')
  assert.equal(slave.get('brokerId'), '1')
})

test('the rendering does not depend on the order of keys', () => {
  const render = (config: string): string => {
    const { cluster } = parseManifest(
      `apiVersion: rocketcluster.io/v1alpha1\nkind: RocketCluster\nmetadata: {name: x}\nspec: {brokers: {config: {${config}}}}`,
      'x',
    )
    return propertiesText('c', brokerProperties(cluster, cluster.groups[0] ?? assert.fail(), place))
  }
  assert.equal(
    render('fileReservedTime: 1, deleteWhen: "05"'),
    render('deleteWhen: "05", fileReservedTime: 1'),
  )
})

test('quantities are those of Kubernetes', () => {
  assert.equal(quantityBytes('4Mi'), 4 * 1024 * 1024)
  assert.equal(quantityBytes('1G'), 1e9)
  assert.equal(quantityBytes('17'), 17)
  assert.equal(quantityBytes('1.5Gi'), undefined)
  assert.equal(quantityBytes('Gi'), undefined)
})
