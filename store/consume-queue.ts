import { assert } from '../base/assert.ts'
import { type LogPosition, type QueueOffset, queueOffset } from '../base/units.ts'
import { CHANGE_TOPIC, SCHEDULE_TOPIC } from '../message/names.ts'
import { hashRange } from './properties-scan.ts'

/** Numbers per entry in memory: position, size, tags code. */
const FIELDS = 3
/** Size in an entry that leads nowhere (ConsumeQueue.fillPreBlank). */
export const BLANK_SIZE = 0x7fffffff

/** What is the same for all messages of a topic, worked out once. */
export interface Topic {
  readonly name: string
  /** Java's hash of `topic#`, from which the hash of every index key of the topic goes on. */
  readonly keyHash: number
  readonly isSchedule: boolean
  readonly isSystem: boolean
  /** A light queue: its entries lead to records of other topics. */
  readonly isLight: boolean
  readonly queues: Map<number, ConsumeQueue>
  /** Its part of the state file, as long as nothing changed. */
  stateText: string | undefined
}

export function newTopic(name: string): Topic {
  return {
    name,
    keyHash: hashRange(`${name}#`, 0, name.length + 1),
    isSchedule: name === SCHEDULE_TOPIC,
    isSystem: name === CHANGE_TOPIC,
    isLight: name.startsWith('%LMQ%'),
    queues: new Map(),
    stateText: undefined,
  }
}

/**
 * One queue of a topic: where its messages lie in the log. The newest entries are in memory, all of them until they are in
 * the file (queue-files.ts), then as long as memory is not wanted back. Small on purpose: there are tens of thousands.
 */
export class ConsumeQueue {
  readonly topic: Topic
  readonly queueId: number
  /** Never the same for two queues of one run: names its blocks in the cache. */
  readonly serial: number
  /** What the next put gets; ahead of maxOffset by the puts that are on their way. */
  nextOffset = 0
  /** First readable offset. */
  minOffset = 0
  /** Entries below are in the file, written, though maybe not synced. */
  stored = 0
  /** Entries below are synced. */
  synced = 0
  /** The topic was deleted while somebody still held this queue. */
  isDropped = false
  /** Waits to be written: it stands in the list of QueueFiles' owner. */
  isDirty = false
  /** Numbers of the first and last file that exist; -1 for none. */
  firstFile = 0
  lastFile = -1
  /** A file was made since the folders were synced. */
  hasNewFile = false
  /** Offset of the first entry in memory. */
  #first = 0
  /** FIELDS numbers per entry; plain numbers cost least while a queue has few. */
  #entries: number[] = []

  constructor(topic: Topic, queueId: number, serial: number) {
    this.topic = topic
    this.queueId = queueId
    this.serial = serial
  }

  /** One past the last readable offset. */
  get maxOffset(): QueueOffset {
    return queueOffset(this.#first + this.#entries.length / FIELDS)
  }

  /** First offset that is in memory. */
  get memoryStart(): number {
    return this.#first
  }

  /** Starts an empty queue at an offset above 0: what came before is in the file, or gone. */
  startAt(min: number, max: number): void {
    assert(this.#entries.length === 0, 'a queue starts once')
    this.minOffset = min
    this.#first = max
    this.nextOffset = max
    this.stored = max
    this.synced = max
  }

  append(position: LogPosition, sizeBytes: number, tagsCode: number): void {
    this.#entries.push(position, sizeBytes, tagsCode)
  }

  /** Fills a gap with entries that lead nowhere, as RocketMQ fills the head of a queue. */
  skipTo(offset: number): void {
    while (this.maxOffset < offset) this.#entries.push(0, BLANK_SIZE, 0)
  }

  /** Where the numbers of an entry begin in `entries`, or -1 when it is not in memory. */
  indexOf(offset: number): number {
    const index = (offset - this.#first) * FIELDS
    return index >= 0 && index < this.#entries.length ? index : -1
  }

  /** Position, size, tags code, position, … of the entries in memory. Not to be kept. */
  get entries(): readonly number[] {
    return this.#entries
  }

  /** Drops the entries in memory that are stored and lead below the position. */
  forgetBelow(position: LogPosition): void {
    const limit = Math.min(this.stored - this.#first, this.#entries.length / FIELDS)
    let drop = 0
    while (drop < limit && (this.#entries[drop * FIELDS] ?? 0) < position) drop++
    if (drop === 0) return
    this.#entries = this.#entries.slice(drop * FIELDS)
    this.#first += drop
  }
}
