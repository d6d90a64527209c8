import { type IgnoredKey, ignoredKeys, type KeySet, key, type SettingsOf } from './keys.ts'
import { type Loaded, loadSettings, type SettingsInput } from './load.ts'
import { ignoredNetworkKeys, networkKeys, opennessWarnings } from './network.ts'

/** Every key that a nameserver honours. */
export const nameserverKeys = {
  listenPort: key({
    default: 9876,
    max: 65535,
    unit: 'port',
    isImportant: true,
    change: 'never',
    meaning: 'port; 0 = any free one',
  }),
  bindAddress: key({
    default: '127.0.0.1',
    isImportant: true,
    change: 'never',
    meaning: 'address to listen on; 0.0.0.0 = all (RocketMQ: all)',
  }),
  metricsPort: key({
    default: 5556,
    max: 65535,
    unit: 'port',
    isImportant: true,
    change: 'never',
    meaning: '/metrics, /healthz and /readyz; 0 = none',
  }),
  metricsHost: key({
    default: '127.0.0.1',
    derive: ({ bindAddress }) => (bindAddress === undefined ? '127.0.0.1' : String(bindAddress)),
    defaultText: 'bindAddress',
    change: 'never',
    meaning: 'address that the metrics port listens on',
  }),
  kvConfigPath: key({
    default: '',
    derive: (_chosen, { homeFolder }) => `${homeFolder}/namesrv/kvConfig.json`,
    defaultText: '~/namesrv/kvConfig.json',
    isImportant: true,
    change: 'never',
    meaning: 'file of the KV configuration',
  }),
  configStorePath: key({
    default: '',
    derive: (_chosen, { homeFolder }) => `${homeFolder}/namesrv/namesrv.properties`,
    defaultText: '~/namesrv/namesrv.properties, or the -c file',
    isImportant: true,
    change: 'never',
    meaning: 'file that keeps what administrators change',
  }),
  orderMessageEnable: key({
    default: false,
    isImportant: true,
    meaning: 'routes carry the order configuration of their topic',
  }),
  returnOrderTopicConfigToBroker: key({
    default: true,
    meaning: 'the answer to a registration carries the order configurations',
  }),
  scanNotActiveBrokerInterval: key({
    default: 5000,
    min: 10,
    max: 600_000,
    unit: 'ms',
    isImportant: true,
    meaning: 'time between looks for brokers that fell silent',
  }),
  supportActingMaster: key({
    default: false,
    meaning: 'in a group without a master the smallest id is shown as the master',
  }),
  notifyMinBrokerIdChanged: key({
    default: false,
    meaning: 'tell the brokers of a group when its smallest id changes',
  }),
  enableAllTopicList: key({ default: true, meaning: 'serve the list of all topics' }),
  enableTopicList: key({ default: true, meaning: 'serve lists of system and unit topics' }),
  needWaitForService: key({
    default: false,
    change: 'restart',
    meaning: 'refuse routes for waitSecondsForService after the start, while brokers register',
  }),
  waitSecondsForService: key({
    default: 45,
    max: 3600,
    unit: 's',
    change: 'restart',
    meaning: 'how long needWaitForService lasts',
  }),
  deleteTopicWithBrokerRegistration: key({
    default: false,
    meaning: 'a topic that a registration no longer lists is dropped',
  }),
  configBlackList: key({
    default: 'configBlackList;configStorePath;kvConfigPath',
    change: 'never',
    meaning: 'keys that administrators may not change, separated by ";"',
  }),
  ...networkKeys,
}

export type NameserverSettings = SettingsOf<typeof nameserverKeys>

const ignoredNameserverKeys: ReadonlyMap<string, IgnoredKey> = new Map([
  ...ignoredKeys(
    'one event loop serves all requests: no thread pools or queues to size',
    'silent',
    `clientRequestThreadPoolNums=8 clientRequestThreadPoolQueueCapacity=50000 defaultThreadPoolNums=16
    defaultThreadPoolQueueCapacity=10000 unRegisterBrokerQueueCapacity=3000`,
  ),
  ...ignoredKeys(
    'information for people only',
    'silent',
    'productEnvName=center clusterTest=false rocketmqHome=',
  ),
  ...ignoredKeys(
    'there is no controller: brokers elect their masters themselves',
    'refused',
    'enableControllerInNamesrv=false',
  ),
  ...ignoredNetworkKeys,
])

export const nameserverKeySet: KeySet<typeof nameserverKeys> = {
  keys: nameserverKeys,
  ignored: ignoredNameserverKeys,
  environment: [],
  crossChecks: [
    ({ listenPort, metricsPort }) =>
      listenPort !== 0 && listenPort === metricsPort
        ? { key: 'metricsPort', problem: 'a port of its own, not listenPort' }
        : undefined,
  ],
}

export function loadNameserverSettings(input: SettingsInput): Loaded<typeof nameserverKeys> {
  const loaded = loadSettings(nameserverKeySet, input)
  return { ...loaded, warnings: [...loaded.warnings, ...opennessWarnings(loaded.settings, loaded.sources)] }
}
