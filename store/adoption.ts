import type { Log } from '../base/log.ts'
import { type LogPosition, logPosition } from '../base/units.ts'
import { MAGIC_V1, MAGIC_V2, magicAt, RECORD_MIN_BYTES, storeTimestampAt } from '../message/record.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { Disk } from './disk.ts'
import { fileName, positionOf, QUEUE_FOLDER, queueFolder, topicOfFolder } from './layout.ts'
import type { OpenFiles } from './open-files.ts'
import { ENTRY_BYTES, entryPositionAt, entrySizeAt } from './queue-files.ts'
import type { QueueTable } from './queue-table.ts'
import type { Segments } from './segments.ts'
import { StoreError } from './store.ts'

/** RocketMQ does not trust the last three seconds before its checkpoint (StoreCheckpoint.getMinTimestamp). */
const CHECKPOINT_SLACK_MS = 3000

/**
 * Where to begin reading a log that another broker wrote: its last segment that began before its checkpoint, as
 * CommitLog.recoverAbnormally has it; the oldest one when nothing tells more.
 */
export async function adoptionStart(
  segments: Segments,
  checkpoint: Checkpoint | undefined,
): Promise<LogPosition> {
  const first = segments.first ?? logPosition(0)
  if (checkpoint === undefined) return first
  const safeTime = Math.min(checkpoint.logTime, checkpoint.queueTime) - CHECKPOINT_SLACK_MS
  for (const start of segments.starts.toReversed()) {
    const head = await segments.read(start, RECORD_MIN_BYTES)
    if (head.length < RECORD_MIN_BYTES) continue
    const magic = magicAt(head, 0)
    if (magic !== MAGIC_V1 && magic !== MAGIC_V2) continue
    const time = storeTimestampAt(head, 0)
    if (time > 0 && time <= safeTime) return start
  }
  return first
}

export interface AdoptionParts {
  readonly disk: Disk
  readonly files: OpenFiles
  readonly queues: QueueTable
  readonly fileBytes: number
  readonly log: Log
}

/**
 * Takes in the consume queues as files have them, up to the entries whose records begin at `from`: those and all behind them
 * are cut off and dispatched again from the log.
 */
export async function adoptQueues(
  parts: AdoptionParts,
  from: LogPosition,
  logStart: LogPosition,
): Promise<void> {
  for (const folder of await parts.disk.list(QUEUE_FOLDER)) {
    const topic = topicOfFolder(folder.name)
    if (!folder.isDirectory || topic === undefined) continue
    for (const queue of await parts.disk.list(`${QUEUE_FOLDER}/${folder.name}`))
      if (queue.isDirectory && /^\d{1,9}$/.test(queue.name))
        await adoptQueue(parts, topic, Number(queue.name), from, logStart)
  }
}

async function adoptQueue(
  parts: AdoptionParts,
  topic: string,
  queueId: number,
  from: LogPosition,
  logStart: LogPosition,
): Promise<void> {
  const folder = queueFolder(topic, queueId)
  const numbers = await fileNumbers(parts, folder)
  const first = numbers[0]
  const last = numbers.at(-1)
  if (first === undefined || last === undefined) return
  const perFile = parts.fileBytes / ENTRY_BYTES
  const find = (limit: LogPosition): Promise<number> =>
    firstAtOrAbove(parts, folder, first * perFile, (last + 1) * perFile, limit)
  const max = await find(from)
  const min = await find(logStart)
  await cutFiles(parts, folder, numbers, max)
  if (max === 0) return
  const queue = parts.queues.queue(parts.queues.topic(topic), queueId)
  queue.startAt(Math.min(min, max), max)
  queue.firstFile = first
  queue.lastFile = Math.max(first, Math.floor((max * ENTRY_BYTES - 1) / parts.fileBytes))
}

/** Numbers of the files of a queue; the last run of them without a gap, as older ones cannot be reached. */
async function fileNumbers(parts: AdoptionParts, folder: string): Promise<number[]> {
  const numbers: number[] = []
  for (const entry of await parts.disk.list(folder)) {
    const position = positionOf(entry.name)
    if (position === undefined || entry.isDirectory || entry.sizeBytes === 0) continue
    // A short file was being cut when an earlier start was interrupted: what is missing counts as zeros.
    if (entry.sizeBytes > parts.fileBytes || position % parts.fileBytes !== 0)
      throw new StoreError(
        'corrupt',
        `${folder}/${entry.name} has ${entry.sizeBytes} bytes, but mappedFileSizeConsumeQueue is ${parts.fileBytes}: set that ` +
          'key to the size with which this store was made',
      )
    numbers.push(position / parts.fileBytes)
  }
  numbers.sort((a, b) => a - b)
  let start = numbers.length - 1
  while (start > 0 && numbers[start - 1] === (numbers[start] ?? 0) - 1) start--
  return numbers.slice(Math.max(0, start))
}

/** First offset in [low, high) whose entry is unwritten or leads to the position or beyond. */
async function firstAtOrAbove(
  parts: AdoptionParts,
  folder: string,
  start: number,
  end: number,
  position: LogPosition,
): Promise<number> {
  const entry = Buffer.alloc(ENTRY_BYTES)
  let low = start
  let high = end
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const file = Math.floor((middle * ENTRY_BYTES) / parts.fileBytes)
    entry.fill(0)
    await parts.files.use(pathOf(parts, folder, file), (open) =>
      open.read(entry, 0, ENTRY_BYTES, middle * ENTRY_BYTES - file * parts.fileBytes),
    )
    const isBelow = entrySizeAt(entry, 0) > 0 && entryPositionAt(entry, 0) < position
    if (isBelow) low = middle + 1
    else high = middle
  }
  return low
}

/** Makes everything from the offset on zeros; files that would be nothing but zeros go, except the first. */
async function cutFiles(
  parts: AdoptionParts,
  folder: string,
  numbers: readonly number[],
  max: number,
): Promise<void> {
  const end = max * ENTRY_BYTES
  for (const number of numbers) {
    const start = number * parts.fileBytes
    if (start + parts.fileBytes <= end) continue
    const path = pathOf(parts, folder, number)
    if (start >= end && number !== numbers[0]) {
      await parts.files.forget(path)
      await parts.disk.unlink(path)
      continue
    }
    await parts.files.use(path, async (open) => {
      await open.truncate(Math.max(0, end - start))
      await open.truncate(parts.fileBytes)
    })
  }
}

const pathOf = (parts: AdoptionParts, folder: string, file: number): string =>
  `${folder}/${fileName(file * parts.fileBytes)}`
