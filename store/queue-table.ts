import { ConsumeQueue, newTopic, type ConsumeQueue as Queue, type Topic } from './consume-queue.ts'

/** All topics and queues that the store knows, in memory. */
export class QueueTable {
  readonly #topics = new Map<string, Topic>()
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

  queue(topic: Topic, queueId: number): Queue {
    let queue = topic.queues.get(queueId)
    if (queue === undefined) {
      queue = new ConsumeQueue(topic, queueId, this.#serial++)
      topic.queues.set(queueId, queue)
      this.#queueCount++
    }
    return queue
  }

  find(topic: string, queueId: number): Queue | undefined {
    return this.#topics.get(topic)?.queues.get(queueId)
  }

  findTopic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  *queues(): Generator<Queue> {
    for (const topic of this.#topics.values()) yield* topic.queues.values()
  }

  drop(name: string): Topic | undefined {
    const topic = this.#topics.get(name)
    if (topic === undefined) return undefined
    this.#topics.delete(name)
    for (const queue of topic.queues.values()) queue.isDropped = true
    this.#queueCount -= topic.queues.size
    return topic
  }
}
