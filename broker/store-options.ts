import { assert } from '../base/assert.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import { delayLevelsMs, hoursOf } from '../settings/broker-store.ts'
import type { StoreOptions } from '../store/options.ts'

/** What the store is told of the settings: its room knows no keys. */
export function storeOptions(settings: BrokerSettings): StoreOptions {
  const deleteWhenHours = hoursOf(settings.deleteWhen)
  const levels = delayLevelsMs(settings.messageDelayLevel)
  assert(deleteWhenHours !== undefined && levels !== undefined, 'settings were checked when they were read')
  return {
    clusterName: settings.brokerClusterName,
    brokerName: settings.brokerName,
    segmentSizeBytes: settings.mappedFileSizeCommitLog,
    queueFileSizeBytes: settings.mappedFileSizeConsumeQueue,
    flush: settings.flushDiskType,
    flushIntervalMs: settings.flushIntervalCommitLog,
    syncFlushTimeoutMs: settings.syncFlushTimeout,
    maxMessageSizeBytes: settings.maxMessageSize,
    indexEnabled: settings.messageIndexEnable,
    indexSlots: settings.maxHashSlotNum,
    indexEntries: settings.maxIndexNum,
    retentionHours: settings.fileReservedTime,
    deleteWhenHours,
    diskCleanRatio: settings.diskMaxUsedSpaceRatio / 100,
    diskRefuseRatio: settings.diskSpaceWarningLevelRatio / 100,
    deletesUnexpiredWhenFull: settings.cleanFileForciblyEnable,
    diskForceRatio: settings.diskSpaceCleanForciblyRatio / 100,
    delayLevelsMs: levels,
    tailCacheBytes: settings.tailCacheBytes,
    blockCacheBytes: settings.blockCacheBytes,
    pendingBytesMax: settings.pendingBytesMax,
  }
}
