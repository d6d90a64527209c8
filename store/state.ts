import { type LogPosition, logPosition, type Timestamp, timestamp } from '../base/units.ts'
import type { SumState } from './block-sums.ts'
import type { ConsumeQueue, Topic } from './consume-queue.ts'
import type { Disk } from './disk.ts'
import type { IndexState } from './index-file.ts'
import { SIDE_FOLDER } from './layout.ts'
import { readWhole, replaceKeeping, seal, unseal } from './side-file.ts'

/*
 * rocketcluster/state: how far everything derived from the log is on disk; a sealed text, replaced as a whole. Recovery starts
 * at `position` and dispatches from there. Derived itself: without it, all is found again from the log and its files.
 */
const STATE_FILE = `${SIDE_FOLDER}/state`

export interface StoreState {
  /** Consume queues and index are on disk for every record below. */
  readonly position: LogPosition
  /** Rolling CRC of the log below the position, see seal.ts. */
  readonly rolling: number
  /** Sum of the block that the position is in, up to the position. */
  readonly sums: SumState
  readonly chain: number
  /** The store was closed in order at `position`; nothing follows it. */
  readonly isClean: boolean
  /** Not the last one that was written. */
  readonly isOld: boolean
  /** Newest store time below the position. */
  readonly storeTime: Timestamp
  /** First segment of the log. */
  readonly logStart: LogPosition
  /** The clock that retention goes by, see retention.ts. */
  readonly retentionTime: Timestamp
  /** Index files, oldest first; undefined without an index. */
  readonly index: readonly IndexState[] | undefined
  /** By table name, newest first. */
  readonly tables: Readonly<Record<string, readonly Generation[]>>
  /** By topic: queue id, first offset, one past the last offset, number of the first file. */
  readonly queues: Readonly<Record<string, readonly QueueState[]>>
}

/** A snapshot that may be on disk: its hash, and the log position up to which it holds all changes. */
export interface Generation {
  readonly hash: string
  readonly position: LogPosition
}

export type QueueState = readonly [id: number, min: number, max: number, firstFile: number]

/**
 * Undefined when there is none that can be read: then everything is derived again. When the last one is damaged, the one before
 * it serves: `isOld`.
 */
export async function readState(disk: Disk): Promise<StoreState | undefined> {
  const newest = await readOne(disk, STATE_FILE)
  if (newest !== undefined) return { ...newest, isOld: false }
  const older = await readOne(disk, `${STATE_FILE}.bak`)
  return older === undefined ? undefined : { ...older, isClean: false, isOld: true }
}

async function readOne(disk: Disk, path: string): Promise<Omit<StoreState, 'isOld'> | undefined> {
  const bytes = await readWhole(disk, path)
  if (bytes === undefined) return undefined
  const found = unseal('state', bytes)
  if (found.kind !== 'value') return undefined
  // The seal vouches that this is what writeState wrote.
  const state = found.value as StoreState & { readonly index: readonly IndexState[] | null }
  return {
    ...state,
    position: logPosition(state.position),
    logStart: logPosition(state.logStart),
    storeTime: timestamp(state.storeTime),
    retentionTime: timestamp(state.retentionTime),
    index: state.index ?? undefined,
  }
}

/** The text of the queues, taken at once so that all belong to one position. Topics that did not change are not built again. */
export function queuesText(topics: Iterable<Topic>): string {
  const parts: string[] = []
  for (const topic of topics) {
    topic.stateText ??= topicText(topic)
    if (topic.stateText !== '') parts.push(topic.stateText)
  }
  return `{${parts.join(',\n')}}`
}

function topicText(topic: Topic): string {
  const queues: string[] = []
  for (const queue of topic.queues.values()) if (queue.maxOffset > 0) queues.push(queueText(queue))
  return queues.length === 0 ? '' : `${JSON.stringify(topic.name)}:[${queues.join(',')}]`
}

const queueText = (queue: ConsumeQueue): string =>
  `[${queue.queueId},${queue.minOffset},${queue.maxOffset},${queue.firstFile}]`

export async function writeState(
  disk: Disk,
  state: Omit<StoreState, 'queues' | 'isOld'>,
  queues: string,
): Promise<void> {
  const head = JSON.stringify({ ...state, index: state.index ?? null })
  await replaceKeeping(disk, STATE_FILE, seal('state', `${head.slice(0, -1)},\n"queues":${queues}}\n`))
}
