import { key } from './keys.ts'

const MIB = 1024 * 1024
/** Entries of a consume queue have 20 bytes; a file holds whole ones. */
const QUEUE_ENTRY_SIZE_BYTES = 20

/** What is kept on disk, how surely and for how long. Sizes of files cannot change under a running store. */
export const brokerStoreKeys = {
  flushDiskType: key({
    default: 'ASYNC_FLUSH',
    values: ['ASYNC_FLUSH', 'SYNC_FLUSH'],
    isImportant: true,
    change: 'restart',
    meaning: 'ASYNC_FLUSH acknowledges what was written, SYNC_FLUSH what is durable on disk',
  }),
  flushIntervalCommitLog: key({
    default: 500,
    min: 1,
    max: 60_000,
    unit: 'ms',
    isImportant: true,
    change: 'restart',
    meaning: 'ASYNC_FLUSH: time between flushes, the most that a power cut can take',
  }),
  syncFlushTimeout: key({
    default: 5000,
    min: 100,
    max: 600_000,
    unit: 'ms',
    change: 'restart',
    meaning: 'SYNC_FLUSH: a send that waits longer for the disk is answered FLUSH_DISK_TIMEOUT',
  }),
  mappedFileSizeCommitLog: key({
    default: 1024 * MIB,
    min: 64 * 1024,
    max: 2 ** 31 - 1,
    unit: 'bytes',
    change: 'never',
    aliases: ['mapedFileSizeCommitLog'],
    meaning: 'size of a commit log file; cannot change once the store exists',
  }),
  mappedFileSizeConsumeQueue: key({
    default: 300_000 * QUEUE_ENTRY_SIZE_BYTES,
    min: QUEUE_ENTRY_SIZE_BYTES,
    max: 2 ** 31 - 1,
    unit: 'bytes',
    change: 'never',
    aliases: ['mapedFileSizeConsumeQueue'],
    meaning: 'size of a consume queue file, a multiple of 20; cannot change once the store exists',
    check: (bytes) =>
      bytes % QUEUE_ENTRY_SIZE_BYTES === 0 ? undefined : `a multiple of ${QUEUE_ENTRY_SIZE_BYTES}`,
  }),
  messageIndexEnable: key({
    default: true,
    isImportant: true,
    change: 'restart',
    meaning: 'index messages by key and unique id',
  }),
  maxHashSlotNum: key({
    default: 5_000_000,
    min: 1,
    max: 100_000_000,
    change: 'never',
    meaning: 'hash slots of an index file',
  }),
  maxIndexNum: key({
    default: 20_000_000,
    min: 2,
    max: 100_000_000,
    change: 'never',
    meaning: 'entries of an index file',
  }),
  fileReservedTime: key({
    default: 72,
    min: 1,
    max: 24 * 3650,
    unit: 'hours',
    isImportant: true,
    change: 'restart',
    meaning: 'how long commit log files are kept after their last message',
  }),
  deleteWhen: key({
    default: '04',
    unit: 'hour of the day',
    isImportant: true,
    change: 'restart',
    meaning: 'when expired files are deleted; several hours separated by ";"',
    check: (text) =>
      hoursOf(text) === undefined ? 'hours of the day from 00 to 23, separated by ";"' : undefined,
  }),
  diskMaxUsedSpaceRatio: key({
    default: 75,
    min: 10,
    max: 95,
    unit: '%',
    change: 'restart',
    meaning: 'use of the disk above which expired files go at any hour',
  }),
  diskSpaceCleanForciblyRatio: key({
    default: 85,
    derive: ({ diskSpaceWarningLevelRatio }) => Math.min(85, Number(diskSpaceWarningLevelRatio ?? 85)),
    min: 10,
    max: 99,
    unit: '%',
    change: 'restart',
    meaning: 'use of the disk above which files go unexpired, if cleanFileForciblyEnable',
  }),
  diskSpaceWarningLevelRatio: key({
    default: 90,
    min: 10,
    max: 100,
    unit: '%',
    change: 'restart',
    meaning: 'use of the disk above which sends are refused',
  }),
  cleanFileForciblyEnable: key({
    default: false,
    isImportant: true,
    change: 'restart',
    meaning: 'delete unexpired messages when the disk is full (RocketMQ: true); otherwise sends are refused',
  }),
  maxMessageSize: key({
    default: 4 * MIB,
    min: 1,
    max: 12 * MIB,
    unit: 'bytes',
    isImportant: true,
    meaning: 'largest body; a frame holds 16 MiB in all',
  }),
  messageDelayLevel: key({
    default: '1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h',
    isImportant: true,
    change: 'never',
    meaning: 'delay of each level, level 1 first',
    check: (text) =>
      delayLevelsMs(text) === undefined ? 'numbers with s, m, h or d, separated by blanks' : undefined,
  }),
  tailCacheBytes: key({
    default: 32 * MIB,
    min: MIB,
    max: 4096 * MIB,
    unit: 'bytes',
    change: 'restart',
    meaning: 'memory for the newest part of the commit log, from which consumers that keep up are served',
  }),
  blockCacheBytes: key({
    default: 16 * MIB,
    min: MIB,
    max: 4096 * MIB,
    unit: 'bytes',
    change: 'restart',
    meaning: 'memory for older parts of the store that are read',
  }),
  pendingBytesMax: key({
    default: 64 * MIB,
    min: MIB,
    max: 4096 * MIB,
    unit: 'bytes',
    change: 'restart',
    meaning: 'messages that may wait for the disk before sends are answered SYSTEM_BUSY',
  }),
}

/** The hours of `deleteWhen`, or undefined when the text is none. */
export function hoursOf(text: string): readonly number[] | undefined {
  const hours: number[] = []
  for (const part of text.split(';')) {
    const hour = part.trim()
    if (hour === '') continue
    if (!/^\d{1,2}$/.test(hour) || Number(hour) > 23) return undefined
    hours.push(Number(hour))
  }
  return hours.length === 0 ? undefined : hours
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `messageDelayLevel` in milliseconds, level 1 first, or undefined when the text is none. */
export function delayLevelsMs(text: string): readonly number[] | undefined {
  const levels: number[] = []
  for (const part of text.trim().split(/\s+/)) {
    const match = /^(\d{1,6})([smhd])$/.exec(part)
    if (match === null) return undefined
    levels.push(Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0))
  }
  return levels.length > 64 ? undefined : levels
}
