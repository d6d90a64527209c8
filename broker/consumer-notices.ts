import type { MessageModel } from '../remoting/bodies/heartbeat.ts'
import type { Peer } from '../remoting/peer.ts'
import { notifyConsumerIdsChanged } from '../remoting/requests/notify-consumer-ids-changed.ts'
import type { BrokerSettings } from '../settings/broker.ts'

/**
 * The clients of a group are told of a change at once, and of further ones at most this often: a hundred consumers that start
 * together, or one that changes with every heartbeat, do not make everybody rebalance a hundred times.
 */
const INTERVAL_MS = 500
/**
 * Every member that is told asks for the list of all members. In large groups that, not the notice, is the load: notices are as far
 * apart as keeps it below this, but not farther than clients look by themselves (20 s).
 */
const LIST_BYTES_PER_SECOND = 20_000_000
const LIST_ENTRY_BYTES = 40
const LARGE_INTERVAL_MS = 15_000
/** With realTimeNotifyConsumerChange=false; then the first change waits, too. */
const BATCHED_INTERVAL_MS = 15_000

export type NoticeSettings = Pick<
  BrokerSettings,
  'notifyConsumerIdsChangedEnable' | 'realTimeNotifyConsumerChange'
>

/** A consumer group as far as telling its members goes. */
export interface NoticedGroup {
  readonly name: string
  readonly messageModel: MessageModel
  readonly members: ReadonlyMap<number, { readonly peer: Peer }>
  /** notifyConsumerIdsChangedEnable of the group. */
  notifies: boolean
  /** Monotonic; undefined when nobody was told yet. */
  notifiedAtMs: number | undefined
}

/** Tells the members of consumer groups that they have to share the queues anew (code 40). */
export class ConsumerNotices {
  readonly #settings: NoticeSettings
  /** Groups with a change that their members have not been told. */
  readonly #untold = new Set<NoticedGroup>()

  constructor(settings: NoticeSettings) {
    this.#settings = settings
  }

  /** Members or subscriptions changed. */
  changed(group: NoticedGroup, nowMs: number): void {
    // Everybody reads every queue in a broadcasting group: there is nothing to share anew.
    if (group.messageModel === 'BROADCASTING' || !group.notifies) return
    if (!this.#settings.notifyConsumerIdsChangedEnable) return
    this.#untold.add(group)
    if (this.#settings.realTimeNotifyConsumerChange) this.#tell(group, nowMs)
    else group.notifiedAtMs ??= nowMs
  }

  /** Nobody is left to be told. */
  forget(group: NoticedGroup): void {
    this.#untold.delete(group)
  }

  tick(nowMs: number): void {
    for (const group of this.#untold) this.#tell(group, nowMs)
  }

  #tell(group: NoticedGroup, nowMs: number): void {
    const intervalMs = this.#settings.realTimeNotifyConsumerChange
      ? intervalOf(group.members.size)
      : BATCHED_INTERVAL_MS
    if (group.notifiedAtMs !== undefined && nowMs - group.notifiedAtMs < intervalMs) return
    group.notifiedAtMs = nowMs
    this.#untold.delete(group)
    const header = { consumerGroup: group.name }
    for (const { peer } of group.members.values()) peer.tell(notifyConsumerIdsChanged, header)
  }
}

function intervalOf(members: number): number {
  const listBytes = members * members * LIST_ENTRY_BYTES
  const ms = (listBytes / LIST_BYTES_PER_SECOND) * 1000
  return Math.min(Math.max(ms, INTERVAL_MS), LARGE_INTERVAL_MS)
}
