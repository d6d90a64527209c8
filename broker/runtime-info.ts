import { OUR_VERSION, versionName } from '../remoting/versions.ts'
import type { DiskSpace } from '../store/disk.ts'
import type { BrokerParts } from './parts.ts'
import type { Windows } from './stats.ts'

export type RuntimeParts = Pick<
  BrokerParts,
  'settings' | 'store' | 'stats' | 'schedule' | 'clock' | 'startedAt'
>

/** Thread pools of RocketMQ, with the capacities of their queues. */
const POOLS: readonly (readonly [name: string, capacity: number])[] = [
  ['send', 10_000],
  ['pull', 100_000],
  ['litePull', 100_000],
  ['query', 20_000],
  ['ack', 100_000],
]

/**
 * What RocketMQ tells at code 28 (protocol §2.4), under its names and in its formats: mqadmin and dashboards parse the texts.
 * There are no thread pools here. Every request is taken by one event loop in the order of its arrival, so the pools' queues
 * are empty and their head waits as long as the loop takes for a turn.
 */
export function runtimeInfo(
  parts: RuntimeParts,
  measured: { readonly loopTurnMs: number; readonly space: DiskSpace },
): Record<string, string> {
  return {
    ...identity(parts),
    ...traffic(parts),
    ...days(parts),
    ...log(parts, measured.space),
    ...pools(Math.floor(measured.loopTurnMs)),
    ...delays(parts),
  }
}

function identity({ settings, clock, startedAt }: RuntimeParts): Record<string, string> {
  return {
    brokerActive: 'true',
    brokerVersion: String(OUR_VERSION),
    brokerVersionDesc: versionName(OUR_VERSION),
    bootTimestamp: String(startedAt),
    runtime: durationText(clock.now() - startedAt),
    startAcceptSendRequestTimeStamp: String(settings.startAcceptSendRequestTimeStamp),
  }
}

function traffic({ stats }: RuntimeParts): Record<string, string> {
  const { totals, latency } = stats
  const { put, found, miss, got } = stats.rates()
  const total = {
    last10s: found.last10s + miss.last10s,
    last60s: found.last60s + miss.last60s,
    last600s: found.last600s + miss.last600s,
  }
  return {
    putTps: windowsText(put),
    getFoundTps: windowsText(found),
    getMissTps: windowsText(miss),
    getTotalTps: windowsText(total),
    getTransferredTps: windowsText(got),
    putLatency99: latency.percentileMs(0.99).toFixed(2),
    putLatency999: latency.percentileMs(0.999).toFixed(2),
    putMessageEntireTimeMax: String(Math.round(latency.maxMs)),
    putMessageTimesTotal: String(totals.putMessages),
    putMessageFailedTimes: String(totals.putFailures),
    putMessageSizeTotal: String(totals.putBytes),
    putMessageDistributeTime: latency.distributionText(),
    putMessageAverageSize: decimalText(totals.putMessages === 0 ? 0 : totals.putBytes / totals.putMessages),
    getMessageEntireTimeMax: '0',
  }
}

function days({ stats }: RuntimeParts): Record<string, string> {
  const put = stats.putDays()
  const got = stats.gotDays()
  return {
    msgPutTotalYesterdayMorning: String(put.yesterdayMorning),
    msgPutTotalTodayMorning: String(put.todayMorning),
    msgPutTotalTodayNow: String(put.now),
    msgGetTotalYesterdayMorning: String(got.yesterdayMorning),
    msgGetTotalTodayMorning: String(got.todayMorning),
    msgGetTotalTodayNow: String(got.now),
  }
}

function log({ settings, store }: RuntimeParts, space: DiskSpace): Record<string, string> {
  const status = store.status()
  const ratio = diskRatio(space).toFixed(2)
  return {
    commitLogMinOffset: String(status.minPosition),
    commitLogMaxOffset: String(status.maxPosition),
    commitLogDiskRatio: ratio,
    [`commitLogDiskRatio_${settings.storePathCommitLog}`]: ratio,
    consumeQueueDiskRatio: ratio,
    commitLogDirCapacity: `Total : ${bytesText(space.totalBytes)}, Free : ${bytesText(space.freeBytes)}.`,
    dispatchBehindBytes: String(status.maxPosition - status.dispatchedPosition),
    dispatchMaxBuffer: '0',
    remainHowManyDataToFlush: bytesText(Math.max(0, status.maxPosition - status.flushedPosition)),
    // The value of a Java broker without the pool.
    remainTransientStoreBufferNumbs: String(2 ** 31 - 1),
    pageCacheLockTimeMills: '0',
    earliestMessageTimeStamp: String(status.earliestStoreTimestamp ?? -1),
  }
}

function pools(headWaitMs: number): Record<string, string> {
  const table: Record<string, string> = {
    EndTransactionQueueSize: '0',
    EndTransactionThreadPoolQueueCapacity: '100000',
  }
  for (const [name, capacity] of POOLS) {
    table[`${name}ThreadPoolQueueSize`] = '0'
    table[`${name}ThreadPoolQueueCapacity`] = String(capacity)
    table[`${name}ThreadPoolQueueHeadWaitTimeMills`] = String(headWaitMs)
  }
  return table
}

/** Delay levels that are or were in use, and the timer wheel, which is empty. */
function delays({ schedule }: RuntimeParts): Record<string, string> {
  const table: Record<string, string> = {
    timerReadBehind: '0',
    timerOffsetBehind: '0',
    timerCongestNum: '0',
    timerEnqueueTps: '0.0',
    timerDequeueTps: '0.0',
  }
  for (const { level, nextOffset, maxOffset } of schedule.progress())
    if (maxOffset > 0) table[`scheduleMessageOffset_${level}`] = `${nextOffset},${maxOffset}`
  return table
}

const diskRatio = ({ totalBytes, freeBytes }: DiskSpace): number =>
  totalBytes === 0 ? 0 : (totalBytes - freeBytes) / totalBytes

/** `1.5`, `3.0`: Java's Double.toString for the numbers that occur here. */
const decimalText = (value: number): string => (Number.isInteger(value) ? value.toFixed(1) : String(value))

const windowsText = ({ last10s, last60s, last600s }: Windows): string =>
  `${decimalText(last10s)} ${decimalText(last60s)} ${decimalText(last600s)}`

/** `[ 0 days, 2 hours, 3 minutes, 4 seconds ]` */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  return `[ ${Math.floor(hours / 24)} days, ${hours % 24} hours, ${minutes % 60} minutes, ${seconds % 60} seconds ]`
}

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** `252 B`, `238.3 GiB`: MixAll.humanReadableByteCount. */
export function bytesText(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < BINARY_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${BINARY_UNITS[unit]}`
}
