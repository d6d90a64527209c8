import { ConsumeQueue, newTopic, type Topic } from './consume-queue.ts'
import { QUEUE_FOLDER, topicFolder } from './layout.ts'

/** All topics and queues that the store knows, in memory, and what of them has to be brought to disk. */
export class QueueTable {
  readonly #topics = new Map<string, Topic>()
  #dirty: ConsumeQueue[] = []
  /** Folders of topics and queues that are gone, to be deleted before anything new is written below them. */
  readonly #removals = new Set<string>()
  #serial = 0
  #queueCount = 0

  get topicCount(): number {
    return this.#topics.size
  }

  get queueCount(): number {
    return this.#queueCount
  }

  topic(name: string): Topic {
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      topic = newTopic(name)
      this.#topics.set(name, topic)
    }
    return topic
  }

  queue(topic: Topic, queueId: number): ConsumeQueue {
    let queue = topic.queues.get(queueId)
    if (queue === undefined) {
      queue = new ConsumeQueue(topic, queueId, this.#serial++)
      topic.queues.set(queueId, queue)
      this.#queueCount++
    }
    return queue
  }

  find(topic: string, queueId: number): ConsumeQueue | undefined {
    return this.#topics.get(topic)?.queues.get(queueId)
  }

  findTopic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  topics(): Iterable<Topic> {
    return this.#topics.values()
  }

  *queues(): Generator<ConsumeQueue> {
    for (const topic of this.#topics.values()) yield* topic.queues.values()
  }

  /** The queue has entries that are not on disk. */
  noteDirty(queue: ConsumeQueue): void {
    queue.isDirty = true
    queue.topic.stateText = undefined
    this.#dirty.push(queue)
  }

  /** The queues that became dirty since the last call. */
  takeDirty(): ConsumeQueue[] {
    const dirty = this.#dirty
    this.#dirty = []
    for (const queue of dirty) queue.isDirty = false
    return dirty
  }

  /** Takes a topic out of the table; puts that are on their way still go to its queues, which nobody sees any more. */
  drop(name: string): Topic | undefined {
    const topic = this.#topics.get(name)
    if (topic === undefined) return undefined
    this.#topics.delete(name)
    for (const queue of topic.queues.values()) queue.isDropped = true
    this.#queueCount -= topic.queues.size
    return topic
  }

  /** The deletion is in the log: the files may go. */
  confirmDrop(name: string): void {
    this.#removals.add(`${QUEUE_FOLDER}/${topicFolder(name)}`)
  }

  /** Undoes a drop that did not get into the log. Whatever took the name since was refused with it. */
  restore(topic: Topic): void {
    const since = this.#topics.get(topic.name)
    if (since !== undefined) this.#queueCount -= since.queues.size
    this.#topics.set(topic.name, topic)
    for (const queue of topic.queues.values()) queue.isDropped = false
    this.#queueCount += topic.queues.size
  }

  /** One queue begins anew: its topic was deleted and made again by a broker that does not say so in the log. */
  renew(queue: ConsumeQueue): ConsumeQueue {
    queue.isDropped = true
    queue.topic.queues.delete(queue.queueId)
    this.#queueCount--
    this.#removals.add(`${QUEUE_FOLDER}/${topicFolder(queue.topic.name)}/${queue.queueId}`)
    return this.queue(queue.topic, queue.queueId)
  }

  /** Folders to delete; each is asked for until `removed`. */
  get removals(): readonly string[] {
    return [...this.#removals]
  }

  removed(folder: string): void {
    this.#removals.delete(folder)
  }
}
