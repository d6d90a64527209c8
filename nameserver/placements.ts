import { assert } from '../base/assert.ts'

/** How one broker group carries a topic. Interned: equal values are the same object while a topic uses it. */
export interface QueueData {
  /** Unique in this process; what placements are compared by. */
  readonly id: number
  readonly brokerName: string
  readonly readQueueNums: number
  readonly writeQueueNums: number
  /** 4 read, 2 write, 1 inherit. */
  readonly perm: number
  /** 1 unit topic, 2 has unit subscriptions. */
  readonly topicSysFlag: number
}

export const PERM_READ = 4
export const PERM_WRITE = 2

/**
 * On which broker groups a topic lies and how: never empty, ordered by broker name, never changed, and interned, so that
 * all topics with the same queues on the same groups share one object. A hundred thousand topics on a hundred groups are
 * then a hundred thousand pointers, and a route answer is encoded once for all of them.
 */
export interface Placement {
  readonly queueData: readonly QueueData[]
}

interface InternedPlacement extends Placement {
  readonly key: string
  /** Topics that lie like this, and edits that remember it. */
  useCount: number
}

interface InternedQueueData extends QueueData {
  readonly key: string
  /** Placements that contain it. */
  useCount: number
}

export class PlacementTable {
  #nextId = 1
  readonly #queueData = new Map<string, InternedQueueData>()
  readonly #placements = new Map<string, InternedPlacement>()

  /** Distinct placements in use. */
  get size(): number {
    return this.#placements.size
  }

  /** Distinct queue data in use. */
  get queueDataSize(): number {
    return this.#queueData.size
  }

  /** The caller puts it into a placement at once: queue data that no placement ever contained is not forgotten. */
  queueDataOf(data: Omit<QueueData, 'id'>): QueueData {
    const { brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag } = data
    const key = `${readQueueNums},${writeQueueNums},${perm},${topicSysFlag},${brokerName}`
    let interned = this.#queueData.get(key)
    if (interned === undefined) {
      const id = this.#nextId++
      interned = { id, brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag, key, useCount: 0 }
      this.#queueData.set(key, interned)
    }
    return interned
  }

  /** `queueData` is ordered by broker name. Each acquire is paid back by one release. */
  acquire(queueData: readonly QueueData[]): Placement {
    const key = queueData.map((data) => data.id).join(',')
    let placement = this.#placements.get(key)
    if (placement === undefined) {
      placement = { key, queueData, useCount: 0 }
      this.#placements.set(key, placement)
      for (const data of queueData) (data as InternedQueueData).useCount += 1
    }
    placement.useCount += 1
    return placement
  }

  acquireAgain(placement: Placement): void {
    const interned = placement as InternedPlacement
    assert(interned.useCount > 0, 'a placement is acquired again only while it is in use')
    interned.useCount += 1
  }

  release(placement: Placement): void {
    const interned = placement as InternedPlacement
    interned.useCount -= 1
    assert(interned.useCount >= 0, 'a placement was released more often than acquired')
    if (interned.useCount > 0) return
    this.#placements.delete(interned.key)
    for (const data of interned.queueData as readonly InternedQueueData[]) {
      data.useCount -= 1
      if (data.useCount === 0) this.#queueData.delete(data.key)
    }
  }
}

/**
 * One change of many topics, which mostly go from few placements to few others: each step is worked out once and
 * remembered until `end`, which must be called.
 */
export class PlacementEdit {
  readonly #table: PlacementTable
  readonly #steps = new Map<Placement | undefined, Map<QueueData | string, Placement | undefined>>()
  readonly #held: Placement[] = []

  constructor(table: PlacementTable) {
    this.#table = table
  }

  /** The placement with this entry instead of that broker's own, acquired for one topic. */
  put(from: Placement | undefined, data: QueueData): Placement {
    const to = this.#step(from, data, () => withQueueData(from?.queueData ?? [], data))
    assert(to !== undefined, 'a placement with an entry is not empty')
    return to
  }

  /** The placement without that broker, acquired for one topic; undefined when nothing is left. */
  drop(from: Placement, brokerName: string): Placement | undefined {
    return this.#step(from, brokerName, () => from.queueData.filter((data) => data.brokerName !== brokerName))
  }

  end(): void {
    for (const placement of this.#held) this.#table.release(placement)
    this.#held.length = 0
    this.#steps.clear()
  }

  #step(
    from: Placement | undefined,
    by: QueueData | string,
    work: () => readonly QueueData[],
  ): Placement | undefined {
    let steps = this.#steps.get(from)
    if (steps === undefined) {
      steps = new Map()
      this.#steps.set(from, steps)
    }
    if (!steps.has(by)) {
      const list = work()
      const to = list.length === 0 ? undefined : this.#table.acquire(list)
      if (to !== undefined) this.#held.push(to)
      // The object on the left must not go out of use and come back as another one while it is remembered.
      if (from !== undefined && steps.size === 0) {
        this.#table.acquireAgain(from)
        this.#held.push(from)
      }
      steps.set(by, to)
    }
    const to = steps.get(by)
    if (to !== undefined) this.#table.acquireAgain(to)
    return to
  }
}

/** The entry of a broker name, or undefined. */
export function queueDataOn(placement: Placement, brokerName: string): QueueData | undefined {
  const data = placement.queueData[lowerBound(placement.queueData, brokerName)]
  return data?.brokerName === brokerName ? data : undefined
}

function withQueueData(list: readonly QueueData[], data: QueueData): readonly QueueData[] {
  const at = lowerBound(list, data.brokerName)
  const isReplaced = list[at]?.brokerName === data.brokerName
  return [...list.slice(0, at), data, ...list.slice(isReplaced ? at + 1 : at)]
}

function lowerBound(list: readonly QueueData[], brokerName: string): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const name = list[middle]?.brokerName
    if (name !== undefined && name < brokerName) low = middle + 1
    else high = middle
  }
  return low
}
