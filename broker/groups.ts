import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { DataVersion } from '../remoting/bodies/data-version.ts'
import type { GroupConfig } from '../remoting/bodies/subscription-group.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import type { LoggedTable, Store } from '../store/store.ts'

/** The consumer groups of this broker: a state machine over the log, subscriptionGroup.json is its snapshot. */
export class GroupTable implements LoggedTable {
  readonly name = 'groups'
  readonly fileName = 'subscriptionGroup.json'
  readonly dataVersion: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }

  constructor(_parts: { readonly settings: BrokerSettings; readonly log: Log; readonly clock: Clock }) {}
  attach(_store: Store): void {}
  get(_group: string): GroupConfig | undefined {
    return undefined
  }
  /** Undefined when it is unknown and autoCreateSubscriptionGroup is off, or its name is not allowed. */
  async getOrCreate(_group: string): Promise<GroupConfig | undefined> {
    return undefined
  }
  /** Creates or replaces; resolves when applied and durable. */
  async put(_config: GroupConfig): Promise<void> {}
  async delete(_group: string, _cleanOffset: boolean): Promise<void> {}
  /** True when the group may not read this topic (code 353). */
  isForbidden(_group: string, _topic: string): boolean {
    return false
  }
  /** The groups that RocketMQ makes at its start. */
  async ensureSystemGroups(): Promise<void> {}
  apply(_change: unknown): boolean {
    return false
  }
  snapshot(): string {
    return ''
  }
  restore(_text: string): void {}
}
