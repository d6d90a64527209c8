import {
  PERM_WRITE,
  type Placement,
  PlacementEdit,
  PlacementTable,
  type QueueData,
  queueDataOn,
} from './placements.ts'

/** What a broker says of one topic of its own. */
export interface TopicQueues {
  readonly topicName: string
  readonly readQueueNums: number
  readonly writeQueueNums: number
  readonly perm: number
  readonly topicSysFlag: number
}

export interface TopicLimits {
  readonly topicsPerGroupMax: number
  readonly topicsMax: number
}

/**
 * Which topics exist and where they lie. Holds no more than `limits` allow, and forgets a topic with its last broker
 * group. Names of topics are counted by `version`, so that lists made of them can be kept until it changes.
 */
export class TopicTable {
  readonly #limits: TopicLimits
  readonly #placements = new PlacementTable()
  readonly #topics = new Map<string, Placement>()
  readonly #topicCounts = new Map<string, number>()
  /** topic → broker name → TopicQueueMappingInfo of a static topic, as the broker wrote it. */
  readonly #mappings = new Map<string, Map<string, unknown>>()
  #version = 0

  constructor(limits: TopicLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#topics.size
  }

  get placementCount(): number {
    return this.#placements.size
  }

  /** Changes whenever a topic comes, goes, or changes its placement. */
  get version(): number {
    return this.#version
  }

  placementOf(topic: string): Placement | undefined {
    return this.#topics.get(topic)
  }

  mappingsOf(topic: string): ReadonlyMap<string, unknown> | undefined {
    return this.#mappings.get(topic)
  }

  names(): IterableIterator<string> {
    return this.#topics.keys()
  }

  entries(): IterableIterator<[string, Placement]> {
    return this.#topics.entries()
  }

  /** Topics of one broker name. */
  countOf(brokerName: string): number {
    return this.#topicCounts.get(brokerName) ?? 0
  }

  /**
   * Takes over what a broker group says of its topics. With `onlyMissing`, topics that lie on the group already stay as
   * they are. Returns how many did not fit into the limits.
   */
  putAll(brokerName: string, topics: readonly TopicQueues[], onlyMissing: boolean): number {
    let refused = 0
    this.#edit((edit) => {
      for (const topic of topics) {
        const before = this.#topics.get(topic.topicName)
        const known = before === undefined ? undefined : queueDataOn(before, brokerName)
        if (known !== undefined && (onlyMissing || isSame(known, topic))) continue
        if (known === undefined && !this.#isRoomFor(brokerName, before === undefined)) refused += 1
        else this.#put(edit, topic.topicName, before, this.#queueDataOf(brokerName, topic))
      }
    })
    return refused
  }

  /** Static topics: the mapping of each as this broker name has it; it goes with the topic's queues there. */
  putMappings(brokerName: string, mappings: Iterable<readonly [topic: string, info: unknown]>): void {
    for (const [topic, info] of mappings) {
      const placement = this.#topics.get(topic)
      if (placement === undefined || queueDataOn(placement, brokerName) === undefined) continue
      let known = this.#mappings.get(topic)
      if (known === undefined) {
        known = new Map()
        this.#mappings.set(topic, known)
      }
      known.set(brokerName, info)
    }
  }

  /** Removes the topic from these broker names, or from all. Returns the broker names that it lay on. */
  remove(topic: string, brokerNames?: Iterable<string>): readonly string[] {
    const placement = this.#topics.get(topic)
    if (placement === undefined) return []
    const lay = placement.queueData.map((data) => data.brokerName)
    const removed = brokerNames === undefined ? lay : [...brokerNames].filter((name) => lay.includes(name))
    this.#edit((edit) => {
      for (const name of removed) this.#drop(edit, topic, name)
    })
    return removed
  }

  /** Removes a broker name from all topics, or from all but these. */
  removeBroker(brokerName: string, except?: ReadonlySet<string>): void {
    if (this.countOf(brokerName) === 0) return
    this.#edit((edit) => {
      for (const topic of this.#topics.keys())
        if (except === undefined || !except.has(topic)) this.#drop(edit, topic, brokerName)
    })
  }

  /** Changes the permission of a broker name's queues in all topics. Returns how many topics lie on it. */
  setPerm(brokerName: string, permOf: (perm: number) => number): number {
    let count = 0
    if (this.countOf(brokerName) === 0) return count
    this.#edit((edit) => {
      for (const [topic, placement] of this.#topics) {
        const data = queueDataOn(placement, brokerName)
        if (data === undefined) continue
        count += 1
        const perm = permOf(data.perm)
        if (perm !== data.perm)
          this.#put(edit, topic, placement, this.#placements.queueDataOf({ ...data, perm }))
      }
    })
    return count
  }

  #isRoomFor(brokerName: string, isNewName: boolean): boolean {
    if (this.countOf(brokerName) >= this.#limits.topicsPerGroupMax) return false
    return !isNewName || this.#topics.size < this.#limits.topicsMax
  }

  #queueDataOf(brokerName: string, topic: TopicQueues): QueueData {
    const { readQueueNums, writeQueueNums, perm, topicSysFlag } = topic
    return this.#placements.queueDataOf({ brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag })
  }

  #edit(run: (edit: PlacementEdit) => void): void {
    const edit = new PlacementEdit(this.#placements)
    try {
      run(edit)
    } finally {
      edit.end()
    }
  }

  #put(edit: PlacementEdit, topic: string, before: Placement | undefined, data: QueueData): void {
    const isNewOnBroker = before === undefined || queueDataOn(before, data.brokerName) === undefined
    this.#topics.set(topic, edit.put(before, data))
    if (before !== undefined) this.#placements.release(before)
    if (isNewOnBroker) this.#topicCounts.set(data.brokerName, this.countOf(data.brokerName) + 1)
    this.#version += 1
  }

  #drop(edit: PlacementEdit, topic: string, brokerName: string): void {
    const before = this.#topics.get(topic)
    if (before === undefined || queueDataOn(before, brokerName) === undefined) return
    const after = edit.drop(before, brokerName)
    if (after === undefined) this.#topics.delete(topic)
    else this.#topics.set(topic, after)
    const mappings = this.#mappings.get(topic)
    if (mappings?.delete(brokerName) && mappings.size === 0) this.#mappings.delete(topic)
    this.#placements.release(before)
    const count = this.countOf(brokerName) - 1
    if (count === 0) this.#topicCounts.delete(brokerName)
    else this.#topicCounts.set(brokerName, count)
    this.#version += 1
  }
}

/** What is left of a permission when a broker group must not be written to. */
export const withoutWrite = (perm: number): number => perm & ~PERM_WRITE

const isSame = (data: QueueData, topic: TopicQueues): boolean =>
  data.readQueueNums === topic.readQueueNums &&
  data.writeQueueNums === topic.writeQueueNums &&
  data.perm === topic.perm &&
  data.topicSysFlag === topic.topicSysFlag
