import { ignoredBrokerKeys } from './broker-ignored.ts'
import { brokerPlaceKeys } from './broker-place.ts'
import { brokerStoreKeys } from './broker-store.ts'
import { brokerTrafficKeys } from './broker-traffic.ts'
import type { KeySet, SettingsOf } from './keys.ts'
import { networkKeys } from './network.ts'

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
    ({ diskSpaceCleanForciblyRatio, diskSpaceWarningLevelRatio }) =>
      Number(diskSpaceCleanForciblyRatio) > Number(diskSpaceWarningLevelRatio)
        ? { key: 'diskSpaceCleanForciblyRatio', problem: 'not above diskSpaceWarningLevelRatio' }
        : undefined,
  ],
}
