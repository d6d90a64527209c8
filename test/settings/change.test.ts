import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerKeySet } from '../../settings/broker.ts'
import { changeSettings, settingsText } from '../../settings/change.ts'
import { ConfigError, type Loaded, loadSettings } from '../../settings/load.ts'
import { parseProperties } from '../../settings/properties-file.ts'

const surroundings = { hostName: 'box', homeFolder: '/home/me', firstAddress: '10.1.2.3' }
const fresh = (): Loaded<typeof brokerKeySet.keys> =>
  loadSettings(brokerKeySet, { files: [], environment: {}, commandLine: [], surroundings })

test('a change is seen by everybody who holds the settings', () => {
  const { settings } = fresh()
  const changes = changeSettings(brokerKeySet, settings, [
    ['maxMessageSize', ' 1048576 '],
    ['longPollingEnable', 'false'],
    ['brokerPermission', '6'],
  ])
  assert.equal(settings.maxMessageSize, 1_048_576)
  assert.equal(settings.longPollingEnable, false)
  assert.deepEqual(Object.fromEntries(changes.changed), {
    maxMessageSize: '1048576',
    longPollingEnable: 'false',
  })
  assert.deepEqual(changes.needRestart, [])
})

test('a change that takes effect at the next start says so', () => {
  const { settings } = fresh()
  assert.deepEqual(changeSettings(brokerKeySet, settings, [['flushDiskType', 'SYNC_FLUSH']]).needRestart, [
    'flushDiskType',
  ])
})

const refused: readonly (readonly [key: string, text: string, problem: RegExp, isForbidden: boolean])[] = [
  ['storePathRootDir', '/tmp', /cannot be changed/, true],
  ['brokerIP1', '10.0.0.1', /cannot be changed/, true],
  ['configBlackList', '', /cannot be changed/, true],
  ['brokerConfigPath', '/etc/passwd', /cannot be changed/, true],
  ['maxMessageSize', '0', /allowed: a whole number/, false],
  ['longPollingEnable', 'on', /true or false/, false],
  ['maxMessagesize', '1', /unknown key, did you mean maxMessageSize/, false],
  ['__proto__', '1', /unknown key/, false],
  ['authenticationEnabled', 'true', /access control/, false],
]
for (const [key, text, problem, isForbidden] of refused)
  test(`a change of ${key} to ${JSON.stringify(text)} is refused and nothing else of the request is done`, () => {
    const { settings } = fresh()
    const before = { ...settings }
    assert.throws(
      () =>
        changeSettings(brokerKeySet, settings, [
          ['fileReservedTime', '24'],
          [key, text],
        ]),
      (error) => {
        assert(error instanceof ConfigError)
        assert.match(error.message, problem)
        assert.equal(error.problems[0]?.isForbidden ?? false, isForbidden)
        return true
      },
    )
    assert.deepEqual(settings, before)
  })

test('keys without effect and fixed keys at their value are taken, because tools send whole files', () => {
  const { settings } = fresh()
  const asked = [
    ['storePathRootDir', '/home/me/store'],
    ['sendMessageThreadPoolNums', '64'],
    ['authenticationEnabled', 'false'],
  ] as const
  assert.equal(changeSettings(brokerKeySet, settings, asked).changed.size, 0)
})

test('the text of all settings is a properties file with every key of RocketMQ', () => {
  const { settings } = fresh()
  const text = new Map(
    parseProperties(settingsText(brokerKeySet, settings)).map(({ key, value }) => [key, value]),
  )
  assert.equal(text.get('listenPort'), '10911')
  assert.equal(text.get('brokerName'), 'box')
  assert.equal(text.get('sendMessageThreadPoolNums'), '4')
  assert(text.size > 350)
})
