/** What a store needs to know. Names are those of RocketMQ's keys, with the unit added; defaults are in settings/. */
export interface StoreOptions {
  readonly clusterName: string
  readonly brokerName: string
  /** mappedFileSizeCommitLog */
  readonly segmentSizeBytes: number
  /** mappedFileSizeConsumeQueue, a multiple of 20 */
  readonly queueFileSizeBytes: number
  readonly flush: 'ASYNC_FLUSH' | 'SYNC_FLUSH'
  /** flushIntervalCommitLog: under ASYNC_FLUSH a machine crash loses at most this much plus one flush. */
  readonly flushIntervalMs: number
  /** syncFlushTimeout: a put waits no longer for its fdatasync before it is answered 'flush-timeout'. */
  readonly syncFlushTimeoutMs: number
  /** exact: an acked message lies below the durable watermark, at the price of a second sync per batch. Default lagging. */
  readonly watermark?: 'exact' | 'lagging'
  readonly maxMessageSizeBytes: number
  readonly indexEnabled: boolean
  /** maxHashSlotNum, maxIndexNum */
  readonly indexSlots: number
  readonly indexEntries: number
  /** fileReservedTime in hours, deleteWhen as hours of the day */
  readonly retentionHours: number
  readonly deleteWhenHours: readonly number[]
  /** diskMaxUsedSpaceRatio as a fraction: expired files go at any hour above it. */
  readonly diskCleanRatio: number
  /** diskSpaceWarningLevelRatio as a fraction: writes are refused above it. */
  readonly diskRefuseRatio: number
  /** cleanFileForciblyEnable: delete unexpired files above diskSpaceCleanForciblyRatio. Ours defaults to false. */
  readonly deletesUnexpiredWhenFull: boolean
  readonly diskForceRatio: number
  /** Milliseconds per delay level, level 1 first (messageDelayLevel). */
  readonly delayLevelsMs: readonly number[]
  /** Memory for recent log bytes and for cold reads. */
  readonly tailCacheBytes: number
  readonly blockCacheBytes: number
  /** Bytes of appends that may wait for the disk before puts are refused as busy. */
  readonly pendingBytesMax: number
}
