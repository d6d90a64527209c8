import type { Random } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { logPosition, queueOffset, timestamp } from '../../base/units.ts'
import type { NewMessage, StoredMessage } from '../../message/message.ts'
import { findProperty } from '../../message/properties.ts'
import { decodeRecord, positionAt, sizeAt, verifyRecord } from '../../message/record.ts'
import { hasQueueOffset } from '../../message/sys-flag.ts'
import type { Disk } from '../../store/disk.ts'
import { MemoryDisk } from '../../store/memory-disk.ts'
import type { RecordEntry } from '../../store/memory-record.ts'
import type { MemoryTree } from '../../store/memory-tree.ts'
import { openStore } from '../../store/message-store.ts'
import { type Store, StoreError } from '../../store/store.ts'
import { below, pick } from '../support/random.ts'
import type { History, Place } from './history.ts'
import { NumberedTable } from './tables.ts'
import { HandClock, messageOf, optionsFor, SEGMENT_BYTES, TABLES, textOf, type Variant } from './workload.ts'

/** What an image has to satisfy. */
export interface Expectation {
  readonly history: History
  readonly variant: Variant
  /** Everything below this log position must have survived. */
  readonly durable: number
}

export interface CheckOptions {
  readonly random: Random
  /** Puts something between the store and the disk of the recovery: a mutant. */
  readonly wrap?: (disk: MemoryDisk) => Disk
  /** Also crash and close after the recovery: (5) and (8) in full. */
  readonly isThorough: boolean
}

export interface Outcome {
  /** Undefined when all is well. */
  readonly violation: string | undefined
  /** The store refused to open or to read and said what is wrong: right when something was damaged, never after a crash. */
  readonly stop?: string
  /** What recovery did, for crashes during recovery. */
  readonly recovery: readonly RecordEntry[]
}

const SYSTEM_TOPIC = 'RMQ_SYS_ROCKETCLUSTER'
const EVERYTHING = 64 * 1024 * 1024

class Violation extends Error {}

function require(condition: unknown, rule: number, text: () => string): asserts condition {
  if (!condition) throw new Violation(`rule ${rule}: ${text()}`)
}

/** Recovers from the image and holds the result against the rules of docs; `tree` is used up. */
export async function check(
  tree: MemoryTree,
  expectation: Expectation,
  options: CheckOptions,
): Promise<Outcome> {
  const before = options.isThorough ? tree.fork() : undefined
  const disk = new MemoryDisk({ tree })
  let life: Life | undefined
  let recovery: readonly RecordEntry[] = []
  try {
    life = await Life.begin(disk, expectation, options)
    recovery = disk.record.slice()
    await life.verify()
    life.verifyEnd()
    if (before !== undefined) life = await again(life, expectation, options, before)
    await life.goOn(before)
    if (before !== undefined) {
      life = await life.crashAndReopen(options)
      await life.verify()
      life = await life.closeAndReopen(options)
      await life.verify()
    }
    return { violation: undefined, recovery }
  } catch (error) {
    if (error instanceof Violation) return { violation: error.message, recovery }
    const stop = error instanceof StoreError && error.kind === 'corrupt' ? error.message : undefined
    return {
      ...(stop !== undefined && { stop }),
      violation: `rule 4: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
      recovery,
    }
  } finally {
    disk.powerOff()
    life?.disk.powerOff()
  }
}

/** Rule 5: recovery has nothing to do after a recovery, even when the process is killed right behind it. */
async function again(
  life: Life,
  expectation: Expectation,
  options: CheckOptions,
  image: MemoryTree,
): Promise<Life> {
  const first = life.summary()
  const log = logBytes(life.disk.tree)
  const next = await life.crashAndReopen(options)
  require(next.summary() === first, 5, () => `a second recovery gives ${next.summary()} instead of ${first}`)
  require(logBytes(next.disk.tree) === log, 5, () => 'a second recovery changes the log')
  await next.verify()
  const other = await Life.begin(new MemoryDisk({ tree: image.fork() }), expectation, options)
  require(other.summary() === first, 5, () => 'the same image recovers in two ways')
  other.disk.powerOff()
  return next
}

/** What was asked of the store, and acknowledged, since the image. */
interface After {
  readonly places: Map<string, Place>
  readonly sent: Map<string, NewMessage>
  /** State of each table. */
  readonly changes: Map<string, number>
}

/** One open store on one disk. */
class Life {
  readonly disk: MemoryDisk
  readonly #store: Store
  readonly #tables: readonly NumberedTable[]
  readonly #expectation: Expectation
  readonly #clock: HandClock
  readonly #random: Random
  readonly #after: After

  private constructor(
    disk: MemoryDisk,
    opened: { store: Store; tables: readonly NumberedTable[]; clock: HandClock },
    expectation: Expectation,
    random: Random,
    after: After,
  ) {
    this.disk = disk
    this.#store = opened.store
    this.#tables = opened.tables
    this.#clock = opened.clock
    this.#expectation = expectation
    this.#random = random
    this.#after = after
  }

  static async begin(
    disk: MemoryDisk,
    expectation: Expectation,
    options: CheckOptions,
    after: After = { places: new Map(), sent: new Map(), changes: new Map() },
  ): Promise<Life> {
    const clock = new HandClock(expectation.history.nowMs + 1000)
    const [topics, offsets] = TABLES
    const tables = [new NumberedTable(topics, false), new NumberedTable(offsets, true)]
    const store = await openStore({
      disk: options.wrap?.(disk) ?? disk,
      options: optionsFor(expectation.variant),
      tables,
      clock,
      log: silentLog,
      uid: () => 'crash-test',
      defer: queueMicrotask,
    })
    return new Life(disk, { store, tables, clock }, expectation, options.random, after)
  }

  async crashAndReopen(options: CheckOptions): Promise<Life> {
    return this.#next(this.disk.restart(), options)
  }

  async closeAndReopen(options: CheckOptions): Promise<Life> {
    await this.#store.close()
    return this.#next(new MemoryDisk({ tree: this.disk.tree }), options)
  }

  async #next(disk: MemoryDisk, options: CheckOptions): Promise<Life> {
    return Life.begin(disk, this.#expectation, options, this.#after)
  }

  /** What recovery found, in one line. */
  summary(): string {
    const { minPosition, maxPosition, dispatchedPosition } = this.#store.status()
    const ranges: string[] = []
    for (const [topic, queues] of this.#queues())
      for (const queueId of queues) {
        const { minOffset, maxOffset } = this.#store.queueRange(topic, queueId)
        ranges.push(`${topic}/${queueId} ${minOffset}–${maxOffset}`)
      }
    const tables = this.#tables.map(({ name, last }) => `${name} ${last}`)
    return [`log ${minPosition}–${maxPosition} readable to ${dispatchedPosition}`, ...ranges, ...tables].join(
      '; ',
    )
  }

  *#queues(): Generator<[string, Iterable<number>]> {
    const queues = new Map([...this.#expectation.history.topics].map(([topic, ids]) => [topic, new Set(ids)]))
    for (const { topic, queueId } of this.#after.sent.values())
      queues.set(topic, (queues.get(topic) ?? new Set()).add(queueId))
    yield* queues
    yield [SYSTEM_TOPIC, [0]]
  }

  async verify(): Promise<void> {
    const { history, durable } = this.#expectation
    require(history.problem === undefined, 1, () => history.problem ?? '')
    const found = new Map<string, StoredMessage>()
    const entries = new Map<number, string>()
    for (const [topic, queues] of this.#queues())
      for (const queueId of queues) await this.#verifyQueue(topic, queueId, found, entries)
    for (const place of history.required(durable)) this.#requirePlace(place, found.get(place.id))
    for (const place of this.#after.places.values()) this.#requirePlace(place, found.get(place.id))
    await this.#verifyLog(entries)
    this.#verifyTables()
  }

  #requirePlace(place: Place, message: StoredMessage | undefined): void {
    const { id, topic, queueId, queueOffset: offset } = place
    require(message !== undefined, 1, () => `${id} at ${topic}/${queueId} offset ${offset} is gone`)
    require(message.queueOffset === offset && message.position === place.position, 1, () =>
      `${id} moved from offset ${offset} to ${message.queueOffset}`)
    require(message.storeTimestamp === place.storeTimestamp, 1, () => `${id} has another store time`)
  }

  /** Rules 2 and 3: dense, each offset what it says it is, nothing that was never sent. */
  async #verifyQueue(
    topic: string,
    queueId: number,
    found: Map<string, StoredMessage>,
    entries: Map<number, string>,
  ): Promise<void> {
    const { minOffset, maxOffset } = this.#store.queueRange(topic, queueId)
    let offset: number = minOffset
    while (offset < maxOffset) {
      const got = await this.#store.get({
        topic,
        queueId,
        offset: queueOffset(offset),
        maxCount: 1000,
        maxBytes: EVERYTHING,
      })
      require(got.status === 'found' && got.records.length > 0, 3, () =>
        `${topic}/${queueId} has ${minOffset}–${maxOffset}, but offset ${offset} answers ${got.status}`)
      for (const record of got.records) {
        const message = decodeRecord(record, 0)
        require(message.queueOffset === offset &&
          message.topic === topic &&
          message.queueId === queueId, 3, () =>
          `${topic}/${queueId} offset ${offset} holds ${message.topic}/${message.queueId} offset ${message.queueOffset}`)
        entries.set(message.position, `${topic}/${queueId}/${offset}`)
        if (topic !== SYSTEM_TOPIC) this.#verifyMessage(message, found)
        offset++
      }
    }
  }

  #verifyMessage(message: StoredMessage, found: Map<string, StoredMessage>): void {
    const id = findProperty(message.properties, 'UNIQ_KEY')
    const sent =
      id === undefined ? undefined : (this.#expectation.history.sent.get(id) ?? this.#after.sent.get(id))
    const place = `${message.topic}/${message.queueId} offset ${message.queueOffset}`
    require(id !== undefined && sent !== undefined, 2, () => `${place} holds a message that nobody sent`)
    require(sent.topic === message.topic &&
      sent.queueId === message.queueId &&
      sent.flag === message.flag &&
      sent.bornTimestamp === message.bornTimestamp &&
      message.properties.startsWith(sent.properties) &&
      Buffer.compare(sent.body, message.body) === 0, 2, () => `${place} holds ${id} with other bytes`)
    require(!found.has(id), 3, () => `${id} is there twice`)
    found.set(id, message)
  }

  /** Rule 6: the queues are what a walk over the log gives, entry for entry, and so is what the index finds. */
  async #verifyLog(entries: Map<number, string>): Promise<void> {
    const { history } = this.#expectation
    const { minPosition, dispatchedPosition } = this.#store.status()
    const keys = new Map<string, { topic: string; key: string; positions: number[] }>()
    const deleted = new Set([...history.deleted])
    for (const { position, record } of walkLog(this.disk.tree, minPosition, dispatchedPosition)) {
      if (record === undefined) {
        // Damage that no queue leads to, in a seal for one. Whoever reads it has to be told.
        await this.#store.recordAt(logPosition(position))
        require(false, 6, () => `no record at ${position}, below the end ${dispatchedPosition} of the log`)
      }
      const message = decodeRecord(record, 0)
      const queue = `${message.topic}/${message.queueId}/${message.queueOffset}`
      if (!hasQueueOffset(message.sysFlag) || deleted.has(message.topic)) continue
      // No queue leads to a damaged record of a deleted topic. Whoever reads it has to be told.
      if (entries.get(message.position) !== queue) await this.#store.recordAt(message.position)
      require(entries.get(message.position) === queue, 6, () =>
        `the log has ${queue} at ${message.position}, its queue has ${entries.get(message.position)}`)
      this.#collectKeys(message, keys)
    }
    await this.#verifyIndex([...keys.values()])
  }

  #collectKeys(
    message: StoredMessage,
    keys: Map<string, { topic: string; key: string; positions: number[] }>,
  ): void {
    const names = `${findProperty(message.properties, 'KEYS') ?? ''} ${findProperty(message.properties, 'UNIQ_KEY') ?? ''}`
    for (const key of new Set(names.split(' '))) {
      if (key === '') continue
      const name = `${message.topic}#${key}`
      const known = keys.get(name)
      if (known === undefined) keys.set(name, { topic: message.topic, key, positions: [message.position] })
      else known.positions.push(message.position)
    }
  }

  async #verifyIndex(keys: readonly { topic: string; key: string; positions: number[] }[]): Promise<void> {
    if (keys.length === 0) return
    const chosen = new Set(
      keys.length <= 6 ? keys : Array.from({ length: 6 }, () => pick(this.#random, keys)),
    )
    for (const { topic, key, positions } of chosen) {
      const result = await this.#store.query({
        topic,
        key,
        maxCount: 1000,
        begin: timestamp(0),
        end: timestamp(this.#clock.nowMs + 1000),
      })
      const got = result.records.map((record) => positionAt(record, 0)).sort((a, b) => a - b)
      require(got.join() === [...positions].sort((a, b) => a - b).join(), 6, () =>
        `the index has ${topic}#${key} at ${got.join() || 'none'}, the log at ${positions.join()}`)
    }
  }

  /**
   * Rule 9, right behind a recovery: nothing stands behind the end of the log. What was cut would otherwise come back to life
   * for whoever reads the log without our side files.
   */
  verifyEnd(): void {
    const { maxPosition } = this.#store.status()
    for (const { start, bytes } of segments(this.disk.tree)) {
      const from = Math.max(0, maxPosition - start)
      if (from >= bytes.length) continue
      const at = bytes.subarray(from).findIndex((byte) => byte !== 0)
      require(at < 0, 9, () =>
        `something stands at ${start + from + at}, behind the end ${maxPosition} of the log`)
    }
  }

  /** Rule 7, for all tables: nothing acknowledged is missing, nothing is there that was not asked for. */
  #verifyTables(): void {
    const { history, durable } = this.#expectation
    for (const table of this.#tables) {
      const since = this.#after.changes.get(table.name)
      const least = since ?? history.requiredChange(table.name, durable)
      const most = since ?? history.changing.get(table.name) ?? 0
      require(table.last >= least && table.last <= most, 7, () =>
        `table ${table.name} is at change ${table.last}; ${least}–${most} is right`)
      require(table.problems.length === 0, 7, () => `table ${table.name}: ${table.problems.join('; ')}`)
    }
  }

  /**
   * Rule 8: sends work. The first one is made to fit exactly over a record that recovery cut, into the queue of the record
   * behind that: were the cut bytes still there, the next recovery would take that record back.
   */
  async goOn(image: MemoryTree | undefined): Promise<void> {
    const ghost = image === undefined ? undefined : cutRecord(image, this.#store.status().maxPosition)
    if (ghost !== undefined) await this.#put(ghost.queue.topic, ghost.queue.queueId, ghost.sizeBytes)
    const [[topic, queues] = ['TopicA', [0]]] = this.#expectation.history.topics
    await this.#put(topic, [...queues][0] ?? 0)
    for (const table of this.#tables) {
      const change = { seq: table.last + 1, key: 'after', value: 1 }
      if (table.isAhead) table.apply(change)
      await this.#store.change(table.name, change, { isApplied: table.isAhead })
      this.#after.changes.set(table.name, change.seq)
      require(table.last === change.seq, 8, () => `a change after recovery is not applied`)
    }
  }

  /** `sizeBytes` is that of the whole record. */
  async #put(topic: string, queueId: number, sizeBytes?: number): Promise<void> {
    const id = `after-${this.#after.sent.size}-${below(this.#random, 1000)}`
    let message = messageOf(id, topic, queueId, 40, this.#clock.nowMs)
    if (sizeBytes !== undefined) {
      const overhead = 91 + Buffer.byteLength(topic) + Buffer.byteLength(message.properties)
      const bodyBytes = sizeBytes - overhead
      if (bodyBytes >= id.length) message = { ...message, body: textOf(id, bodyBytes) }
    }
    this.#after.sent.set(id, message)
    const { maxOffset } = this.#store.queueRange(topic, queueId)
    const result = await this.#store.put(message)
    require(result.queueOffset === maxOffset, 8, () =>
      `after recovery ${topic}/${queueId} ended at ${maxOffset}, but a send got offset ${result.queueOffset}`)
    this.#after.places.set(id, {
      id,
      topic,
      queueId,
      queueOffset: result.queueOffset,
      position: result.position,
      end: result.position + result.sizeBytes,
      storeTimestamp: result.storeTimestamp,
    })
    const got = await this.#store.get({
      topic,
      queueId,
      offset: result.queueOffset,
      maxCount: 1,
      maxBytes: EVERYTHING,
    })
    require(got.status === 'found', 8, () => `a message sent after recovery is not readable: ${got.status}`)
  }
}

function* segments(tree: MemoryTree): Generator<{ start: number; bytes: Buffer }> {
  for (const { path, file } of tree.namedFiles())
    if (/^commitlog\/\d{20}$/.test(path)) yield { start: Number(path.slice(10)), bytes: file.content.bytes() }
}

/** The records in [from, to) as the bytes on disk have them. */
function* walkLog(
  tree: MemoryTree,
  from: number,
  to: number,
): Generator<{ position: number; record: Buffer | undefined }> {
  for (const { start, bytes } of segments(tree)) {
    let at = Math.max(0, from - start)
    while (at < bytes.length && start + at < to) {
      const found = verifyRecord(bytes, at, bytes.length)
      if (found.kind === 'blank') break
      if (found.kind !== 'record') {
        yield { position: start + at, record: undefined }
        return
      }
      yield { position: start + at, record: bytes.subarray(at, at + found.sizeBytes) }
      at += found.sizeBytes
    }
  }
}

const logBytes = (tree: MemoryTree): string =>
  [...tree.namedFiles()]
    .filter(({ path }) => path.startsWith('commitlog/'))
    .map(({ path, file }) => `${path} ${file.content.fingerprint()}`)
    .join('; ')

/** A record that stands in the image where the recovered log ends, with a whole record behind it. */
function cutRecord(
  image: MemoryTree,
  end: number,
): { sizeBytes: number; queue: { topic: string; queueId: number } } | undefined {
  for (const { start, bytes } of segments(image)) {
    if (end < start || end >= start + SEGMENT_BYTES) continue
    const at = end - start
    if (at + 4 > bytes.length) return undefined
    const sizeBytes = sizeAt(bytes, at)
    if (sizeBytes < 100 || at + sizeBytes + 8 > bytes.length) return undefined
    const next = verifyRecord(bytes, at + sizeBytes, bytes.length)
    if (next.kind !== 'record' || positionAt(bytes, at + sizeBytes) !== logPosition(end + sizeBytes))
      return undefined
    const { topic, queueId } = decodeRecord(bytes, at + sizeBytes)
    // A seal stands in no queue, and no message is sent to its topic.
    return topic === SYSTEM_TOPIC ? undefined : { sizeBytes, queue: { topic, queueId } }
  }
  return undefined
}
