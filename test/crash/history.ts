import type { NewMessage } from '../../message/message.ts'
import { findProperty } from '../../message/properties.ts'
import type { Arrival } from '../../store/store.ts'

/** What the run of a workload remembers between the operations of its disk. */
export type Mark =
  | { readonly what: 'sent'; readonly id: string; readonly message: NewMessage }
  | {
      readonly what: 'acked'
      readonly id: string
      readonly position: number
      readonly queueOffset: number
      readonly isFlushed: boolean
    }
  | { readonly what: 'refused'; readonly id: string; readonly kind: string }
  /** A consumer could read it from here on. */
  | { readonly what: 'arrived'; readonly arrival: Arrival }
  | { readonly what: 'changing'; readonly table: string; readonly seq: number }
  /** `end` is a position at or behind the record of the change. */
  | { readonly what: 'changed'; readonly table: string; readonly seq: number; readonly end: number }
  | { readonly what: 'flushed'; readonly position: number }
  | { readonly what: 'deleting'; readonly topic: string }
  /** Log files that begin below may go. */
  | { readonly what: 'cleaning'; readonly below: number }
  | { readonly what: 'time'; readonly nowMs: number }

/** Where a message is: the answer of its put, and what consumers saw. */
export interface Place {
  readonly id: string
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly position: number
  readonly end: number
  readonly storeTimestamp: number
}

/** The state of the world as the clients of the store know it at one moment of a run. */
export class History {
  readonly sent = new Map<string, NewMessage>()
  /** By id; messages of deleted topics are taken out. */
  readonly places = new Map<string, Place>()
  readonly acked = new Set<string>()
  readonly refused = new Set<string>()
  /** Highest number asked for and acknowledged, per table. */
  readonly changing = new Map<string, number>()
  readonly changed = new Map<string, { seq: number; end: number }[]>()
  readonly deleted = new Set<string>()
  readonly topics = new Map<string, Set<number>>()
  flushed = 0
  cleanedBelow = 0
  nowMs = 0
  /** Grows with everything that an image may be held against. */
  version = 0
  /** Something in the run itself was wrong. */
  problem: string | undefined

  apply(mark: Mark): void {
    if (mark.what !== 'time') this.version++
    if (mark.what === 'sent') this.#sent(mark.id, mark.message)
    else if (mark.what === 'acked') this.#acked(mark)
    else if (mark.what === 'refused') this.#refused(mark)
    else if (mark.what === 'arrived') this.#arrived(mark.arrival)
    else if (mark.what === 'changing') this.changing.set(mark.table, mark.seq)
    else if (mark.what === 'changed') this.#changes(mark.table).push({ seq: mark.seq, end: mark.end })
    else if (mark.what === 'flushed') this.flushed = Math.max(this.flushed, mark.position)
    else if (mark.what === 'cleaning') this.cleanedBelow = Math.max(this.cleanedBelow, mark.below)
    else if (mark.what === 'time') this.nowMs = mark.nowMs
    else this.#deleting(mark.topic)
  }

  #sent(id: string, message: NewMessage): void {
    this.sent.set(id, message)
    let queues = this.topics.get(message.topic)
    if (queues === undefined) {
      queues = new Set()
      this.topics.set(message.topic, queues)
    }
    queues.add(message.queueId)
  }

  #acked(mark: Extract<Mark, { what: 'acked' }>): void {
    const place = this.places.get(mark.id)
    this.acked.add(mark.id)
    if (place === undefined) {
      if (mark.isFlushed && !this.deleted.has(this.sent.get(mark.id)?.topic ?? ''))
        this.problem ??= `${mark.id} was acknowledged before it was readable`
    } else if (place.position !== mark.position || place.queueOffset !== mark.queueOffset)
      this.problem ??= `${mark.id} was acknowledged at ${mark.queueOffset} and readable at ${place.queueOffset}`
  }

  /** A put whose outcome is unknown may come back; every other refusal means that nothing was left behind. */
  #refused({ id, kind }: Extract<Mark, { what: 'refused' }>): void {
    if (kind !== 'unknown') this.refused.add(id)
  }

  #arrived(arrival: Arrival): void {
    const id = findProperty(arrival.properties, 'UNIQ_KEY')
    if (id === undefined) return
    if (this.places.has(id)) this.problem ??= `${id} became readable twice`
    if (this.refused.has(id)) this.problem ??= `${id} was refused and became readable all the same`
    const { topic, queueId, queueOffset, position, sizeBytes, storeTimestamp } = arrival
    const end = position + sizeBytes
    this.places.set(id, { id, topic, queueId, queueOffset, position, end, storeTimestamp })
  }

  #deleting(topic: string): void {
    this.deleted.add(topic)
    for (const [id, place] of this.places) if (place.topic === topic) this.places.delete(id)
  }

  #changes(table: string): { seq: number; end: number }[] {
    let changes = this.changed.get(table)
    if (changes === undefined) {
      changes = []
      this.changed.set(table, changes)
    }
    return changes
  }

  /** What has to be there when everything below `durable` survived. */
  *required(durable: number): Generator<Place> {
    for (const place of this.places.values())
      if (place.end <= durable && place.position >= this.cleanedBelow) yield place
  }

  /** The lowest state that a table may have. */
  requiredChange(table: string, durable: number): number {
    let seq = 0
    for (const change of this.changed.get(table) ?? [])
      if (change.end <= durable) seq = Math.max(seq, change.seq)
    return seq
  }
}
