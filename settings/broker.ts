import { ignoredBrokerKeys } from './broker-ignored.ts'
import { brokerPlaceKeys } from './broker-place.ts'
import { brokerStoreKeys } from './broker-store.ts'
import { brokerTrafficKeys } from './broker-traffic.ts'
import type { KeySet, SettingsOf } from './keys.ts'
import { ConfigError, type Loaded, loadSettings, type SettingsInput } from './load.ts'
import { networkKeys, opennessWarnings } from './network.ts'

/** Every key that a broker honours. Keys of RocketMQ without an effect are in broker-ignored.ts. */
export const brokerKeys = {
  ...brokerPlaceKeys,
  ...brokerStoreKeys,
  ...brokerTrafficKeys,
  ...networkKeys,
}

export type BrokerSettings = SettingsOf<typeof brokerKeys>

export const brokerKeySet: KeySet<typeof brokerKeys> = {
  keys: brokerKeys,
  ignored: ignoredBrokerKeys,
  environment: [
    ['NAMESRV_ADDR', 'namesrvAddr'],
    ['NAMESRV_ADDRESS', 'namesrvAddr'],
  ],
  crossChecks: [
    ({ listenPort, haListenPort }) =>
      listenPort !== 0 && listenPort === haListenPort
        ? { key: 'haListenPort', problem: 'a port of its own, not listenPort' }
        : undefined,
    ({ listenPort, metricsPort }) =>
      listenPort !== 0 && listenPort === metricsPort
        ? { key: 'metricsPort', problem: 'a port of its own, not listenPort' }
        : undefined,
    ({ fastListenEnable, listenPort }) =>
      fastListenEnable === true && Number(listenPort) > 0 && Number(listenPort) < 3
        ? { key: 'listenPort', problem: '3 or above, for fastListenEnable' }
        : undefined,
    ({ storePathRootDir, storePathCommitLog }) =>
      withoutEndSlash(storePathCommitLog) === `${withoutEndSlash(storePathRootDir)}/commitlog`
        ? undefined
        : { key: 'storePathCommitLog', problem: `${storePathRootDir}/commitlog, inside storePathRootDir` },
  ],
}

const withoutEndSlash = (path: unknown): string => String(path).replace(/\/+$/, '')

/** As loadSettings, and what follows from the role: a master has id 0, whatever the file says (BrokerStartup). */
export function loadBrokerSettings(input: SettingsInput): Loaded<typeof brokerKeys> {
  const loaded = loadSettings(brokerKeySet, input)
  const { settings, sources } = loaded
  const { brokerRole, brokerId } = settings
  const place = sources.get('brokerId') ?? ''
  if (brokerRole === 'SLAVE' && brokerId === 0)
    throw new ConfigError([{ place, key: 'brokerId', problem: '0; allowed: above 0, for a slave' }])
  const warnings = [...loaded.warnings, ...opennessWarnings(settings, sources)]
  if (settings.namesrvAddr === '')
    warnings.push({
      place: 'default',
      key: 'namesrvAddr',
      problem: 'not set (-n, NAMESRV_ADDR, or in the file): clients cannot find this broker',
    })
  if (brokerRole === 'SLAVE' || brokerId === 0) return { ...loaded, warnings }
  warnings.push({ place, key: 'brokerId', problem: `${brokerId} is not used: a master has id 0` })
  return { ...loaded, settings: { ...settings, brokerId: 0 }, warnings }
}

/** Why a broker with this role cannot be run honestly by this version, and what to do; undefined when it can. */
export function roleProblem({ brokerRole }: BrokerSettings): string | undefined {
  if (brokerRole === 'ASYNC_MASTER') return undefined
  if (brokerRole === 'SLAVE')
    return 'SLAVE: this version does not replicate, so that a slave would have nothing to serve: start the master of its group only'
  return (
    'SYNC_MASTER: this version does not replicate, so that no slave could hold what is acknowledged: set brokerRole=ASYNC_MASTER, ' +
    'and flushDiskType=SYNC_FLUSH where acknowledged messages have to survive a power cut'
  )
}
