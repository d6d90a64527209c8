import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { groupNameProblem, isSystemGroup, SYSTEM_GROUPS } from '../message/names.ts'
import type { DataVersion } from '../remoting/bodies/data-version.ts'
import { type GroupConfig, groupConfig, groupConfigTableBody } from '../remoting/bodies/subscription-group.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { RequestError } from '../remoting/errors.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import type { LoggedTable, Store } from '../store/store.ts'

/** A change record of this table. `at` is the wall clock of the broker that made it. */
type GroupChange =
  | { readonly put: GroupConfig; readonly at: number }
  | { readonly delete: string; readonly at: number }

export type GroupSettings = Pick<BrokerSettings, 'autoCreateSubscriptionGroup' | 'maxGroupNum'>

/** Bit of the forbidden table: the group may not read the topic (PermName.INDEX_PERM_READ of RocketMQ). */
const FORBIDS_READING = 1 << 2

/**
 * The consumer groups of this broker: a state machine over the log, subscriptionGroup.json is its snapshot. Whoever changes a
 * group waits until the change is as durable as a message of the same mode; changes of one group wait for each other.
 */
export class GroupTable implements LoggedTable {
  readonly name = 'groups'
  readonly fileName = 'subscriptionGroup.json'
  readonly #settings: GroupSettings
  readonly #log: Log
  readonly #clock: Clock
  readonly #groups = new Map<string, GroupConfig>()
  /** group → topic → bits; set by code 353 of RocketMQ, kept for folders that have them. */
  #forbidden: Readonly<Record<string, Readonly<Record<string, number>>>> = {}
  readonly #pending = new Map<string, Promise<void>>()
  #version: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }
  #store: Store | undefined

  constructor(parts: { readonly settings: GroupSettings; readonly log: Log; readonly clock: Clock }) {
    this.#settings = parts.settings
    this.#log = parts.log
    this.#clock = parts.clock
  }

  /** Changes go through this store from now on. */
  attach(store: Store): void {
    this.#store = store
  }

  get(group: string): GroupConfig | undefined {
    return this.#groups.get(group)
  }

  configs(): Iterable<GroupConfig> {
    return this.#groups.values()
  }

  get size(): number {
    return this.#groups.size
  }

  get dataVersion(): DataVersion {
    return this.#version
  }

  /** True when the group may not read this topic. */
  isForbidden(group: string, topic: string): boolean {
    return ((this.#forbidden[group]?.[topic] ?? 0) & FORBIDS_READING) !== 0
  }

  /**
   * The group, made with RocketMQ's defaults when it is unknown. Undefined when groups are not made by use
   * (autoCreateSubscriptionGroup) and this is none of RocketMQ's own. Rejects with RequestError 29 for a name that no group
   * may have, 1 when there is no room.
   */
  async getOrCreate(group: string): Promise<GroupConfig | undefined> {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    checkGroupName(group)
    if (!this.#settings.autoCreateSubscriptionGroup && !isSystemGroup(group)) return undefined
    while (this.#pending.has(group)) await this.#settled(group)
    if (!this.#groups.has(group)) {
      await this.put(newGroupConfig(group))
      this.#log.info('group.created', { group, by: 'its first use' })
    }
    return this.#groups.get(group)
  }

  /** Creates or replaces; false when the group is like that already. Resolves when applied and durable. */
  async put(config: GroupConfig): Promise<boolean> {
    const { groupName } = config
    checkGroupName(groupName)
    while (this.#pending.has(groupName)) await this.#settled(groupName)
    const current = this.#groups.get(groupName)
    if (current !== undefined && groupConfig.encode(current) === groupConfig.encode(config)) return false
    if (current === undefined) this.#checkRoom()
    await this.#change(groupName, { put: config, at: this.#clock.now() })
    return true
  }

  /** Forgets a group; one that does not exist is not an error. Its offsets are the offset table's. */
  async delete(group: string): Promise<void> {
    while (this.#pending.has(group)) await this.#settled(group)
    if (this.#groups.has(group)) await this.#change(group, { delete: group, at: this.#clock.now() })
  }

  /** The groups that every broker has from its start. Those that exist cost no change record. */
  async ensureSystemGroups(): Promise<void> {
    const missing = SYSTEM_GROUPS.filter((group) => !this.#groups.has(group))
    await Promise.all(missing.map((group) => this.put(newGroupConfig(group))))
  }

  apply(change: unknown): boolean {
    const known = readChange(change)
    if (known === undefined) return false
    if ('put' in known) this.#groups.set(known.put.groupName, known.put)
    else {
      this.#groups.delete(known.delete)
      const { [known.delete]: _gone, ...rest } = this.#forbidden
      this.#forbidden = rest
    }
    const { counter, stateVersion } = this.#version
    this.#version = { counter: counter + 1, stateVersion, timestamp: known.at }
    return true
  }

  snapshot(): string {
    return groupConfigTableBody.encodeText({
      dataVersion: this.#version,
      forbiddenTable: this.#forbidden,
      subscriptionGroupTable: Object.fromEntries(this.#groups),
    })
  }

  restore(text: string): void {
    const { dataVersion, forbiddenTable, subscriptionGroupTable } = groupConfigTableBody.decodeText(text)
    this.#groups.clear()
    for (const config of Object.values(subscriptionGroupTable)) this.#groups.set(config.groupName, config)
    this.#forbidden = forbiddenTable
    this.#version = dataVersion
  }

  #checkRoom(): void {
    const limit = this.#settings.maxGroupNum
    if (this.#groups.size + this.#pending.size >= limit)
      throw new RequestError(
        ResponseCode.SYSTEM_ERROR,
        `this broker holds ${this.#groups.size} consumer groups, the limit is ${limit} (maxGroupNum)`,
      )
  }

  /**
   * Resolves when the change of this group that is under way has ended; its outcome is the business of whoever made it. The
   * next change may have begun by then: ask again before going on.
   */
  async #settled(group: string): Promise<void> {
    await this.#pending.get(group)?.catch(() => undefined)
  }

  async #change(group: string, change: GroupChange): Promise<void> {
    assert(this.#store !== undefined, 'a group table changes only with a store attached')
    assert(!this.#pending.has(group), 'one change of a group at a time')
    const done = this.#store.change(this.name, change)
    this.#pending.set(group, done)
    try {
      await done
    } finally {
      this.#pending.delete(group)
    }
  }
}

/** Throws RequestError 29. The one check of group names for whatever arrives from outside. */
export function checkGroupName(group: string): void {
  const problem = groupNameProblem(group)
  if (problem !== undefined) throw new RequestError(ResponseCode.INVALID_PARAMETER, problem)
}

/** A group with the defaults of SubscriptionGroupConfig.java. */
export const newGroupConfig = (groupName: string): GroupConfig =>
  groupConfig.decode({ groupName, groupRetryPolicy: { type: 'CUSTOMIZED' } }, 'group')

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function readChange(change: unknown): GroupChange | undefined {
  if (!isObject(change) || typeof change.at !== 'number') return undefined
  if (typeof change.delete === 'string') return { delete: change.delete, at: change.at }
  try {
    return { put: groupConfig.decode(change.put, 'change'), at: change.at }
  } catch {
    // Written by a newer version, or damaged: kept out, the store says so.
    return undefined
  }
}
