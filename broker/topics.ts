import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import {
  AUTO_CREATE_TOPIC,
  dlqTopicOf,
  isRetryTopic,
  retryTopicOf,
  topicNameProblem,
} from '../message/names.ts'
import type { DataVersion } from '../remoting/bodies/data-version.ts'
import { type TopicConfig, topicConfig, topicConfigTableBody } from '../remoting/bodies/topic-config.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { RequestError } from '../remoting/errors.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import type { LoggedTable, Store } from '../store/store.ts'
import { isInherited, PERM_INHERIT, PERM_READ_WRITE } from './permissions.ts'
import { systemTopics } from './system-topics.ts'

/** topicSysFlag: the topic belongs to a unit, or is the retry topic of a group that consumes in one. */
const SYS_FLAG_UNIT = 1
const SYS_FLAG_UNIT_SUB = 2

/** A change record of this table. `at` is the wall clock of the broker that made it. */
type TopicChange =
  | { readonly put: TopicConfig; readonly at: number }
  | { readonly delete: string; readonly at: number }

export interface FirstSend {
  readonly topic: string
  /** The template that the producer names, TBW102 as a rule. */
  readonly defaultTopic: string
  readonly defaultTopicQueueNums: number
  readonly peerAddress: string
  readonly isUnit?: boolean
}

/**
 * The topics of this broker: a state machine over the log, topics.json is its snapshot. Whoever changes a topic waits until
 * the change is as durable as a message of the same mode; two that change the same topic wait for each other.
 */
export class TopicTable implements LoggedTable {
  readonly name = 'topics'
  readonly fileName = 'topics.json'
  readonly #settings: BrokerSettings
  readonly #log: Log
  readonly #clock: Clock
  readonly #topics = new Map<string, TopicConfig>()
  readonly #pending = new Map<string, Promise<void>>()
  readonly #listeners: (() => void)[] = []
  #version: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }
  #store: Store | undefined

  constructor(parts: { readonly settings: BrokerSettings; readonly log: Log; readonly clock: Clock }) {
    this.#settings = parts.settings
    this.#log = parts.log
    this.#clock = parts.clock
  }

  /** Changes go through this store from now on. */
  attach(store: Store): void {
    this.#store = store
  }

  get(topic: string): TopicConfig | undefined {
    return this.#topics.get(topic)
  }

  names(): Iterable<string> {
    return this.#topics.keys()
  }

  configs(): Iterable<TopicConfig> {
    return this.#topics.values()
  }

  get size(): number {
    return this.#topics.size
  }

  get dataVersion(): DataVersion {
    return this.#version
  }

  /**
   * Creates or replaces; false when the topic is like that already. Resolves when applied and durable. Rejects with
   * RequestError 1 when the broker holds as many topics as it may.
   */
  async put(config: TopicConfig): Promise<boolean> {
    while (this.#pending.has(config.topicName)) await this.#settled(config.topicName)
    const current = this.#topics.get(config.topicName)
    if (current !== undefined && isSameTopic(current, config)) return false
    if (current === undefined) this.#checkRoom(ResponseCode.SYSTEM_ERROR)
    await this.#change(config.topicName, { put: config, at: this.#clock.now() })
    return true
  }

  /** Forgets a topic; one that does not exist is not an error. Its messages are the store's. */
  async delete(topic: string): Promise<void> {
    while (this.#pending.has(topic)) await this.#settled(topic)
    if (this.#topics.has(topic)) await this.#change(topic, { delete: topic, at: this.#clock.now() })
  }

  /** The topics every broker has (protocol §6.1). Those that are like that already cost no change record. */
  async ensureSystemTopics(): Promise<void> {
    const changes: Promise<unknown>[] = []
    for (const config of systemTopics(this.#settings)) changes.push(this.put(config))
    // A template left over from a time with auto-creation would still invite producers through the route.
    if (!this.#settings.autoCreateTopicEnable) changes.push(this.delete(AUTO_CREATE_TOPIC))
    await Promise.all(changes)
  }

  /**
   * The topic of a send to an unknown one, as TopicConfigManager.createTopicInSendMessageMethod: a copy of the template that
   * the producer names if that may be inherited; a retry topic also without. Rejects with RequestError 17 otherwise, 29 for
   * a name that no topic may have.
   */
  async autoCreateForSend(send: FirstSend): Promise<TopicConfig> {
    const problem = topicNameProblem(send.topic)
    if (problem !== undefined) throw new RequestError(ResponseCode.INVALID_PARAMETER, problem)
    while (this.#pending.has(send.topic)) await this.#settled(send.topic)
    const existing = this.#topics.get(send.topic)
    if (existing !== undefined) return existing
    const config = this.#fromTemplate(send)
    this.#checkRoom(ResponseCode.TOPIC_NOT_EXIST)
    await this.#change(send.topic, { put: config, at: this.#clock.now() })
    this.#log.info('topic.created', { topic: send.topic, by: send.peerAddress, template: send.defaultTopic })
    return this.#existing(send.topic)
  }

  /** `%RETRY%group`, made with these values when it does not exist; only its order flag follows later calls. */
  async ensureRetryTopic(
    group: string,
    queueNums: number,
    isUnit: boolean,
    isOrder: boolean,
  ): Promise<TopicConfig> {
    const topic = retryTopicOf(group)
    while (this.#pending.has(topic)) await this.#settled(topic)
    const existing = this.#topics.get(topic)
    if (existing !== undefined && existing.order === isOrder) return existing
    const fresh = groupTopic(topic, queueNums, isUnit ? SYS_FLAG_UNIT_SUB : 0)
    await this.put({ ...(existing ?? fresh), order: isOrder })
    return this.#existing(topic)
  }

  /** `%DLQ%group`: one queue, read and write. */
  async ensureDlqTopic(group: string): Promise<TopicConfig> {
    const topic = dlqTopicOf(group)
    while (this.#pending.has(topic)) await this.#settled(topic)
    if (!this.#topics.has(topic)) await this.put(groupTopic(topic, 1, 0))
    return this.#existing(topic)
  }

  /** Called after every applied change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  apply(change: unknown): boolean {
    const known = readChange(change)
    if (known === undefined) return false
    if ('put' in known) this.#topics.set(known.put.topicName, known.put)
    else this.#topics.delete(known.delete)
    const { counter, stateVersion } = this.#version
    this.#version = { counter: counter + 1, stateVersion, timestamp: known.at }
    for (const listener of this.#listeners) listener()
    return true
  }

  snapshot(): string {
    return topicConfigTableBody.encodeText({
      dataVersion: this.#version,
      topicConfigTable: Object.fromEntries(this.#topics),
    })
  }

  restore(text: string): void {
    const { dataVersion, topicConfigTable } = topicConfigTableBody.decodeText(text)
    this.#topics.clear()
    for (const config of Object.values(topicConfigTable)) this.#topics.set(config.topicName, config)
    this.#version = dataVersion
  }

  #fromTemplate(send: FirstSend): TopicConfig {
    const { topic } = send
    const template = this.#topics.get(send.defaultTopic)
    const isSwitchedOff = send.defaultTopic === AUTO_CREATE_TOPIC && !this.#settings.autoCreateTopicEnable
    if (template !== undefined && isInherited(template.perm) && !isSwitchedOff) {
      // RocketMQ makes topics without a queue when asked for none; nobody could ever send to them.
      const queueNums = Math.max(1, Math.min(send.defaultTopicQueueNums, template.writeQueueNums))
      return {
        topicName: topic,
        readQueueNums: queueNums,
        writeQueueNums: queueNums,
        perm: template.perm & ~PERM_INHERIT,
        topicFilterType: template.topicFilterType,
        topicSysFlag: this.#sysFlagOf(send),
        order: false,
        attributes: {},
      }
    }
    if (isRetryTopic(topic)) return groupTopic(topic, 1, this.#sysFlagOf(send))
    throw new RequestError(
      ResponseCode.TOPIC_NOT_EXIST,
      `topic[${topic}] not exist, apply first please! This broker makes topics on first send ` +
        (this.#settings.autoCreateTopicEnable ? `only by the template ${AUTO_CREATE_TOPIC}` : 'never'),
    )
  }

  #sysFlagOf(send: FirstSend): number {
    if (send.isUnit !== true) return 0
    return isRetryTopic(send.topic) ? SYS_FLAG_UNIT_SUB : SYS_FLAG_UNIT
  }

  #checkRoom(code: number): void {
    const limit = this.#settings.maxTopicNum
    // Those on their way count, too: a burst of first sends does not get past the limit.
    if (this.#topics.size + this.#pending.size >= limit)
      throw new RequestError(
        code,
        `this broker holds ${this.#topics.size} topics, the limit is ${limit} (maxTopicNum)`,
      )
  }

  /**
   * Resolves when the change of this topic that is under way has ended; its outcome is the business of whoever made it. The
   * next change may have begun by then: ask again before going on.
   */
  async #settled(topic: string): Promise<void> {
    await this.#pending.get(topic)?.catch(() => undefined)
  }

  async #change(topic: string, change: TopicChange): Promise<void> {
    assert(this.#store !== undefined, 'a topic table changes only with a store attached')
    assert(!this.#pending.has(topic), 'one change of a topic at a time')
    const done = this.#store.change(this.name, change)
    this.#pending.set(topic, done)
    try {
      await done
    } finally {
      this.#pending.delete(topic)
    }
  }

  #existing(topic: string): TopicConfig {
    const config = this.#topics.get(topic)
    if (config !== undefined) return config
    // Deleted by somebody between the change and this line.
    throw new RequestError(ResponseCode.TOPIC_NOT_EXIST, `topic[${topic}] was deleted meanwhile`)
  }
}

const groupTopic = (topicName: string, queueNums: number, topicSysFlag: number): TopicConfig => ({
  topicName,
  readQueueNums: queueNums,
  writeQueueNums: queueNums,
  perm: PERM_READ_WRITE,
  topicFilterType: 'SINGLE_TAG',
  topicSysFlag,
  order: false,
  attributes: {},
})

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function readChange(change: unknown): TopicChange | undefined {
  if (!isObject(change) || typeof change.at !== 'number') return undefined
  if (typeof change.delete === 'string') return { delete: change.delete, at: change.at }
  try {
    return { put: topicConfig.decode(change.put, 'change'), at: change.at }
  } catch {
    // Written by a newer version, or damaged: kept out, the store says so.
    return undefined
  }
}

export function isSameTopic(a: TopicConfig, b: TopicConfig): boolean {
  return topicConfig.encode(sorted(a)) === topicConfig.encode(sorted(b))
}

const sorted = (config: TopicConfig): TopicConfig => ({
  ...config,
  attributes: Object.fromEntries(Object.entries(config.attributes).sort()),
})
