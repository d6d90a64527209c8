import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type QueueOffset, queueOffset } from '../base/units.ts'
import type { DataVersion } from '../remoting/bodies/data-version.ts'
import { type ConsumerOffsetTable, consumerOffsetTableBody } from '../remoting/bodies/offset-table.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { RequestError } from '../remoting/errors.ts'
import type { LoggedTable, Store } from '../store/store.ts'
import {
  OFFSET_KEY_SEPARATOR,
  type OffsetChange,
  OffsetWriter,
  type WrittenOffsets,
} from './offset-writer.ts'

/** Pairs of topic and group: about 1 GB. Far beyond any real broker, and an end for those who make up names. */
const PAIRS_MAX = 1_000_000
const NONE = -1

/** The offsets of one group in one topic, by queue id. */
interface TopicOffsets extends WrittenOffsets {
  readonly committed: number[]
  /** Where the next pull starts; in memory only. */
  readonly pulled: number[]
  /** Resets from outside that the next pull has to be told; in memory only. */
  resets: Map<number, number> | undefined
  /** Its entry in the snapshot; undefined after a change. */
  text: string | undefined
}

interface CommittedAndPulled {
  readonly committed: readonly number[]
  readonly pulled: readonly number[]
}

/**
 * Committed offsets: a state machine over the log, consumerOffset.json is its snapshot. Everything takes effect in memory at once
 * and reaches the log in the same order: commits that nobody waits for once a second, all others at once, those of many
 * waiters together.
 */
export class OffsetTable implements LoggedTable {
  readonly name = 'offsets'
  readonly fileName = 'consumerOffset.json'
  readonly #log: Log
  readonly #clock: Clock
  readonly #pairsMax: number
  /** group → topic → offsets. */
  readonly #groups = new Map<string, Map<string, TopicOffsets>>()
  readonly #writer: OffsetWriter
  #pairCount = 0
  #resetCount = 0
  #version: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }
  /** Commits of an offset below the one that was known: seeks and resets of clients, or two that fight for a queue. */
  backwardCommitCount = 0
  /** Commits that were left out because the table is full. */
  refusedCommitCount = 0

  constructor(parts: { readonly log: Log; readonly clock: Clock; readonly pairsMax?: number }) {
    this.#log = parts.log
    this.#clock = parts.clock
    this.#pairsMax = parts.pairsMax ?? PAIRS_MAX
    this.#writer = new OffsetWriter({
      table: this.name,
      log: parts.log,
      clock: parts.clock,
      onChange: (change) => this.#countChange(change.at),
    })
  }

  /**
   * Changes go through this store from now on. Offsets beyond the end of their queue are taken back to it: a machine crash under
   * ASYNC_FLUSH may have cost the last messages, and those that come in their place would never be consumed.
   */
  attach(store: Store): void {
    this.#writer.attach(store)
    for (const topics of this.#groups.values())
      for (const offsets of topics.values()) this.#clamp(offsets, store)
  }

  /** Undefined when the group never committed there. */
  get(group: string, topic: string, queueId: number): QueueOffset | undefined {
    return known(this.#find(group, topic)?.committed[queueId])
  }

  /**
   * Known at once, in the log within about a second. The last one wins, also when it is smaller, as in RocketMQ: stock
   * clients commit smaller offsets by right, after a seek and with mqadmin's resets, and nothing in the request tells those
   * from mistakes. So a smaller one is counted, not refused. `from` is the committer's address, for the log.
   */
  commit(group: string, topic: string, queueId: number, offset: QueueOffset, from: string): void {
    const offsets = this.#find(group, topic) ?? this.#add(group, topic)
    if (offsets === undefined) {
      this.refusedCommitCount++
      return
    }
    const old = offsets.committed[queueId] ?? NONE
    if (old === offset) return
    if (offset < old) {
      this.backwardCommitCount++
      this.#log.debug('offset.backward', { group, topic, queueId, from, was: old, now: offset })
    }
    setAt(offsets.committed, queueId, offset)
    this.#mark(offsets, queueId)
  }

  /**
   * Resolves when this commit is as durable as a message. Rejects with StoreError when it may not be; it is then known in memory
   * all the same and goes on being tried. Rejects with RequestError when the table is full.
   */
  async commitDurably(
    group: string,
    topic: string,
    queueId: number,
    offset: QueueOffset,
    from: string,
  ): Promise<void> {
    this.commit(group, topic, queueId, offset, from)
    const offsets = this.#find(group, topic)
    if (offsets === undefined)
      throw new RequestError(
        ResponseCode.SYSTEM_ERROR,
        `this broker keeps offsets of ${this.#pairsMax} pairs of topic and group, which is the limit`,
      )
    await this.#writer.settled(offsets, queueId)
  }

  /** A reset from outside: committed at once, and the next pull of the queue is answered with it. */
  async reset(group: string, topic: string, queueId: number, offset: QueueOffset): Promise<void> {
    const offsets = this.#find(group, topic) ?? this.#add(group, topic)
    if (offsets !== undefined) {
      offsets.resets ??= new Map()
      if (!offsets.resets.has(queueId)) this.#resetCount++
      offsets.resets.set(queueId, offset)
    }
    await this.commitDurably(group, topic, queueId, offset, 'reset')
  }

  pendingReset(group: string, topic: string, queueId: number): QueueOffset | undefined {
    if (this.#resetCount === 0) return undefined
    return known(this.#find(group, topic)?.resets?.get(queueId))
  }

  /** The pending reset, which is thereby done. */
  takeReset(group: string, topic: string, queueId: number): QueueOffset | undefined {
    const offset = this.pendingReset(group, topic, queueId)
    if (offset === undefined) return undefined
    this.#find(group, topic)?.resets?.delete(queueId)
    this.#resetCount--
    return offset
  }

  /** Where the group's next pull starts (code 208). */
  pulled(group: string, topic: string, queueId: number, offset: QueueOffset): void {
    const offsets = this.#find(group, topic) ?? this.#add(group, topic)
    if (offsets !== undefined) setAt(offsets.pulled, queueId, offset)
  }

  pullOffset(group: string, topic: string, queueId: number): QueueOffset | undefined {
    return known(this.#find(group, topic)?.pulled[queueId])
  }

  /** Groups that committed in this topic. */
  groupsOf(topic: string): string[] {
    const groups: string[] = []
    for (const [group, topics] of this.#groups) if (hasCommits(topics.get(topic))) groups.push(group)
    return groups
  }

  /** Topics in which this group committed. */
  topicsOf(group: string): string[] {
    const topics = this.#groups.get(group)?.values() ?? []
    return [...topics].filter(hasCommits).map((offsets) => offsets.topic)
  }

  /** All offsets by queue id, −1 for none. For metrics: to be read at once, not held. */
  *pairs(): Iterable<Pick<TopicOffsets, 'group' | 'topic'> & CommittedAndPulled> {
    for (const topics of this.#groups.values())
      for (const offsets of topics.values()) if (hasCommits(offsets)) yield offsets
  }

  /** Takes effect at once, resolves when durable. Rejects with StoreError when it may not be, and goes on being tried. */
  async deleteGroup(group: string): Promise<void> {
    if (this.#forgetGroup(group)) await this.#writer.delete({ deleteGroup: group, at: this.#clock.now() })
  }

  /** Takes effect at once, resolves when durable. Rejects with StoreError when it may not be, and goes on being tried. */
  async deleteTopic(topic: string): Promise<void> {
    if (this.#forgetTopic(topic)) await this.#writer.delete({ deleteTopic: topic, at: this.#clock.now() })
  }

  /** Writes the gathered commits when it is time. Never waits. */
  tick(nowMonotonicMs: number): void {
    this.#writer.tick(nowMonotonicMs)
  }

  /** Resolves when everything that is known is in the log. Rejects with StoreError when it cannot be. */
  flush(): Promise<void> {
    return this.#writer.flush()
  }

  apply(change: unknown): boolean {
    const known = readChange(change)
    if (known === undefined) return false
    if ('deleteGroup' in known) this.#forgetGroup(known.deleteGroup)
    else if ('deleteTopic' in known) this.#forgetTopic(known.deleteTopic)
    else this.#load(known.commit)
    this.#countChange(known.at)
    return true
  }

  snapshot(): string {
    const parts: string[] = []
    for (const topics of this.#groups.values())
      for (const offsets of topics.values()) {
        if (!hasCommits(offsets)) continue
        offsets.text ??= textOf(offsets)
        parts.push(offsets.text)
      }
    const { counter, stateVersion, timestamp } = this.#version
    const version = `{"counter":${counter},"stateVersion":${stateVersion},"timestamp":${timestamp}}`
    return `{"dataVersion":${version},"offsetTable":{${parts.join(',')}}}`
  }

  restore(text: string): void {
    const { dataVersion, offsetTable } = consumerOffsetTableBody.decodeText(text)
    this.#groups.clear()
    this.#pairCount = 0
    this.#load(offsetTable)
    this.#version = dataVersion
  }

  #find(group: string, topic: string): TopicOffsets | undefined {
    return this.#groups.get(group)?.get(topic)
  }

  /** Undefined when there is no room. */
  #add(group: string, topic: string): TopicOffsets | undefined {
    if (this.#pairCount >= this.#pairsMax) return undefined
    this.#pairCount++
    let topics = this.#groups.get(group)
    if (topics === undefined) {
      topics = new Map()
      this.#groups.set(group, topics)
    }
    const offsets: TopicOffsets = {
      group,
      topic,
      committed: [],
      pulled: [],
      resets: undefined,
      dirty: new Set(),
      text: undefined,
      isGone: false,
    }
    topics.set(topic, offsets)
    return offsets
  }

  #mark(offsets: TopicOffsets, queueId: number): void {
    offsets.text = undefined
    this.#writer.mark(offsets, queueId)
  }

  #load(table: ConsumerOffsetTable['offsetTable']): void {
    for (const [key, queues] of Object.entries(table)) {
      const at = key.indexOf(OFFSET_KEY_SEPARATOR)
      if (at < 0) continue
      const topic = key.slice(0, at)
      const group = key.slice(at + 1)
      const offsets = this.#find(group, topic) ?? this.#add(group, topic)
      if (offsets === undefined) continue
      offsets.text = undefined
      for (const [id, offset] of Object.entries(queues)) {
        const queueId = Number(id)
        if (isQueueId(queueId) && offset >= 0) setAt(offsets.committed, queueId, offset)
      }
    }
  }

  #clamp(offsets: TopicOffsets, store: Store): void {
    const { group, topic, committed } = offsets
    for (const [queueId, offset] of committed.entries()) {
      if (offset === NONE) continue
      const { maxOffset } = store.queueRange(topic, queueId)
      if (offset <= maxOffset) continue
      this.#log.warn('offset.beyond-end', { group, topic, queueId, was: offset, now: maxOffset })
      committed[queueId] = maxOffset
      this.#mark(offsets, queueId)
    }
  }

  #forgetGroup(group: string): boolean {
    const topics = this.#groups.get(group)
    if (topics === undefined) return false
    this.#groups.delete(group)
    for (const offsets of topics.values()) this.#forget(offsets)
    return true
  }

  #forgetTopic(topic: string): boolean {
    let isAny = false
    for (const [group, topics] of this.#groups) {
      const offsets = topics.get(topic)
      if (offsets === undefined) continue
      isAny = true
      topics.delete(topic)
      if (topics.size === 0) this.#groups.delete(group)
      this.#forget(offsets)
    }
    return isAny
  }

  #forget(offsets: TopicOffsets): void {
    this.#pairCount--
    this.#resetCount -= offsets.resets?.size ?? 0
    this.#writer.forget(offsets)
  }

  #countChange(at: number): void {
    const { counter, stateVersion } = this.#version
    this.#version = { counter: counter + 1, stateVersion, timestamp: at }
  }
}

/** Offsets that a consumer can have reached in a queue: anything else is refused with 29 (M11). */
export const isCommittable = (offset: number, range: { readonly maxOffset: number }): boolean =>
  offset >= 0 && offset <= range.maxOffset

const known = (offset: number | undefined): QueueOffset | undefined =>
  offset === undefined || offset === NONE ? undefined : queueOffset(offset)

const isQueueId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id < 65_536

/** Arrays stay without holes: a hole would make every later read of them slow. */
function setAt(values: number[], index: number, value: number): void {
  while (values.length < index) values.push(NONE)
  values[index] = value
}

const hasCommits = (offsets: TopicOffsets | undefined): boolean =>
  offsets?.committed.some((offset) => offset !== NONE) === true

function textOf({ topic, group, committed }: TopicOffsets): string {
  let queues = ''
  for (const [queueId, offset] of committed.entries())
    if (offset !== NONE) queues += `${queues === '' ? '' : ','}"${queueId}":${offset}`
  return `${JSON.stringify(topic + OFFSET_KEY_SEPARATOR + group)}:{${queues}}`
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function readChange(change: unknown): OffsetChange | undefined {
  if (!isObject(change) || typeof change.at !== 'number') return undefined
  const { at } = change
  if (typeof change.deleteGroup === 'string') return { deleteGroup: change.deleteGroup, at }
  if (typeof change.deleteTopic === 'string') return { deleteTopic: change.deleteTopic, at }
  if (!isObject(change.commit)) return undefined
  for (const queues of Object.values(change.commit))
    if (!isObject(queues) || !Object.values(queues).every(Number.isSafeInteger)) return undefined
  return { commit: change.commit as ConsumerOffsetTable['offsetTable'], at }
}
