import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type {
  ConsumeFromWhere,
  ConsumerData,
  ConsumeType,
  MessageModel,
  SubscriptionData,
} from '../remoting/bodies/heartbeat.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { RequestError } from '../remoting/errors.ts'
import type { Peer } from '../remoting/peer.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import { ConsumerNotices, type NoticedGroup, type NoticeSettings } from './consumer-notices.ts'
import { subscriptionsText, updateSubscriptions } from './subscriptions.ts'

/** Groups that one connection may be in, as consumer and producer together; the same number of subscriptions a heartbeat. */
export const GROUPS_PER_CLIENT_MAX = 1000
export const SUBSCRIPTIONS_PER_CLIENT_MAX = 1000

/** How often silent clients are looked for. */
const SCAN_INTERVAL_MS = 10_000
const WARNING_INTERVAL_MS = 60_000

/** One connection in one group. */
export interface Member {
  readonly peer: Peer
  clientId: string
  lastBeatAtMs: number
}

export interface ConsumerMember extends Member {
  /** What its newest full heartbeat subscribed to, as one text; '' when it never sent one. */
  subscribed: string
}

export interface ConsumerGroupInfo {
  readonly name: string
  readonly messageModel: MessageModel
  readonly consumeType: ConsumeType
  readonly consumeFromWhere: ConsumeFromWhere
  /** By peer id: the connection is the identity, not the client id. */
  readonly members: ReadonlyMap<number, ConsumerMember>
  readonly subscriptions: ReadonlyMap<string, SubscriptionData>
}

/** One consumer group of a heartbeat. */
export interface ConsumerBeat {
  readonly peer: Peer
  readonly clientId: string
  readonly data: ConsumerData
  /** Heartbeat v2 without subscriptions: those the group has stay. */
  readonly keepsSubscriptions: boolean
  /** notifyConsumerIdsChangedEnable of the group. */
  readonly notifies: boolean
}

/** The part of the settings that decides about clients. */
export type ClientSettings = NoticeSettings & Pick<BrokerSettings, 'channelExpiredTimeout'>

interface ConsumerGroup extends NoticedGroup {
  messageModel: MessageModel
  consumeType: ConsumeType
  consumeFromWhere: ConsumeFromWhere
  readonly members: Map<number, ConsumerMember>
  readonly subscriptions: Map<string, SubscriptionData>
  /** Of the newest heartbeat v2; 0 when there was none. */
  fingerprint: number
  warnedAtMs: number
  /** Client ids without duplicates; undefined after a change. */
  ids: readonly string[] | undefined
}

/** The groups of one connection, so that its end costs only them. */
interface Connection {
  readonly peer: Peer
  readonly consumerGroups: Set<string>
  readonly producerGroups: Set<string>
}

/**
 * Who is connected: consumers and producers by group, in memory only. A client is its connection; two connections with one
 * client id are two members and one id in the list that clients share the queues by.
 */
export class ClientTable {
  readonly #settings: ClientSettings
  readonly #log: Log
  readonly #clock: Clock
  readonly #consumers = new Map<string, ConsumerGroup>()
  readonly #producers = new Map<string, Map<number, Member>>()
  readonly #connections = new Map<number, Connection>()
  readonly #notices: ConsumerNotices
  #scannedAtMs = Number.NEGATIVE_INFINITY
  /** Heartbeats that changed the subscriptions of a group against those of another member. */
  contradictionCount = 0
  /** Second connections of a client id that joined a group. */
  duplicateIdCount = 0

  constructor(parts: { readonly settings: ClientSettings; readonly log: Log; readonly clock: Clock }) {
    this.#settings = parts.settings
    this.#notices = new ConsumerNotices(parts.settings)
    this.#log = parts.log
    this.#clock = parts.clock
  }

  subscription(group: string, topic: string): SubscriptionData | undefined {
    return this.#consumers.get(group)?.subscriptions.get(topic)
  }

  /** Undefined when no consumer of the group is connected. */
  group(group: string): ConsumerGroupInfo | undefined {
    return this.#consumers.get(group)
  }

  consumerGroups(): Iterable<ConsumerGroupInfo> {
    return this.#consumers.values()
  }

  /** Client ids of a group without duplicates; empty when nobody is online. The same array until the members change. */
  consumerIds(group: string): readonly string[] {
    const known = this.#consumers.get(group)
    if (known === undefined) return NO_IDS
    known.ids ??= [...new Set([...known.members.values()].map((member) => member.clientId))]
    return known.ids
  }

  /** Connections of a producer group, in no order. */
  producersOf(group: string): Peer[] {
    return [...this.producers(group).values()].map((member) => member.peer)
  }

  producers(group: string): ReadonlyMap<number, Member> {
    return this.#producers.get(group) ?? NOBODY
  }

  producerGroups(): Iterable<readonly [group: string, members: ReadonlyMap<number, Member>]> {
    return this.#producers
  }

  /**
   * Judges a heartbeat v2 before its groups are registered: true when the client should send its subscriptions again, because another
   * client of the group has others or because this broker does not know them (it was restarted).
   */
  takeFingerprint(group: string, fingerprint: number, isWithoutSubscriptions: boolean): boolean {
    const known = this.#consumers.get(group)
    if (known === undefined) return isWithoutSubscriptions
    const isChanged = known.fingerprint !== 0 && known.fingerprint !== fingerprint
    known.fingerprint = fingerprint
    return isChanged || (isWithoutSubscriptions && known.subscriptions.size === 0)
  }

  /** Throws RequestError 29 when the connection is in too many groups. */
  registerConsumer(beat: ConsumerBeat): void {
    const { peer, data } = beat
    const connection = this.#connectionOf(peer, data.groupName)
    if (connection === undefined) return
    connection.consumerGroups.add(data.groupName)
    const group = this.#consumers.get(data.groupName) ?? this.#newGroup(data)
    group.messageModel = data.messageModel
    group.consumeType = data.consumeType
    group.consumeFromWhere = data.consumeFromWhere
    group.notifies = beat.notifies
    const nowMs = this.#clock.monotonicMs()
    let isChanged = this.#joinConsumers(group, beat, nowMs)
    if (!beat.keepsSubscriptions) {
      const member = group.members.get(peer.id)
      if (member !== undefined) member.subscribed = subscriptionsText(data.subscriptionDataSet)
      if (updateSubscriptions(group.subscriptions, data.subscriptionDataSet)) {
        isChanged = true
        this.#warnOfContradiction(group, peer, nowMs)
      }
    }
    if (isChanged) this.#notices.changed(group, nowMs)
  }

  /** Throws RequestError 29 when the connection is in too many groups. */
  registerProducer(peer: Peer, clientId: string, group: string): void {
    const connection = this.#connectionOf(peer, group)
    if (connection === undefined) return
    connection.producerGroups.add(group)
    let members = this.#producers.get(group)
    if (members === undefined) {
      members = new Map()
      this.#producers.set(group, members)
    }
    const lastBeatAtMs = this.#clock.monotonicMs()
    const known = members.get(peer.id)
    if (known === undefined) members.set(peer.id, { peer, clientId, lastBeatAtMs })
    else {
      known.clientId = clientId
      known.lastBeatAtMs = lastBeatAtMs
    }
  }

  /** A connection leaves a group by itself (35); one that is not in it is not an error. */
  unregisterConsumer(peer: Peer, group: string): void {
    this.#connections.get(peer.id)?.consumerGroups.delete(group)
    this.#leaveConsumers(peer.id, group)
  }

  unregisterProducer(peer: Peer, group: string): void {
    this.#connections.get(peer.id)?.producerGroups.delete(group)
    this.#leaveProducers(peer.id, group)
  }

  /** Tells what is left to tell and drops whoever has been silent for channelExpiredTimeout. */
  tick(nowMonotonicMs: number): void {
    this.#notices.tick(nowMonotonicMs)
    if (nowMonotonicMs - this.#scannedAtMs < SCAN_INTERVAL_MS) return
    this.#scannedAtMs = nowMonotonicMs
    const limitMs = nowMonotonicMs - this.#settings.channelExpiredTimeout
    for (const connection of this.#connections.values()) this.#dropSilent(connection, limitMs)
  }

  #newGroup(data: ConsumerData): ConsumerGroup {
    const group: ConsumerGroup = {
      name: data.groupName,
      messageModel: data.messageModel,
      consumeType: data.consumeType,
      consumeFromWhere: data.consumeFromWhere,
      members: new Map(),
      subscriptions: new Map(),
      fingerprint: 0,
      notifies: true,
      notifiedAtMs: undefined,
      warnedAtMs: Number.NEGATIVE_INFINITY,
      ids: undefined,
    }
    this.#consumers.set(group.name, group)
    return group
  }

  /** True when the members changed. */
  #joinConsumers(group: ConsumerGroup, beat: ConsumerBeat, nowMs: number): boolean {
    const { peer, clientId } = beat
    const known = group.members.get(peer.id)
    if (known !== undefined) {
      known.lastBeatAtMs = nowMs
      if (known.clientId === clientId) return false
      known.clientId = clientId
      group.ids = undefined
      return true
    }
    for (const other of group.members.values()) {
      if (other.clientId !== clientId) continue
      this.duplicateIdCount++
      this.#log.warn('client.duplicate-id', {
        group: group.name,
        clientId,
        peer: peer.remoteAddress,
        other: other.peer.remoteAddress,
      })
      break
    }
    group.members.set(peer.id, { peer, clientId, lastBeatAtMs: nowMs, subscribed: '' })
    group.ids = undefined
    this.#log.info('consumer.connected', { group: group.name, clientId, peer: peer.remoteAddress })
    return true
  }

  /** Undefined when it is closed already: its end was or will be told to nobody again. */
  #connectionOf(peer: Peer, group: string): Connection | undefined {
    if (peer.isClosed) return undefined
    let connection = this.#connections.get(peer.id)
    if (connection === undefined) {
      connection = { peer, consumerGroups: new Set(), producerGroups: new Set() }
      this.#connections.set(peer.id, connection)
      peer.onClose(() => this.#dropConnection(peer.id))
    }
    const { consumerGroups, producerGroups } = connection
    const isKnown = consumerGroups.has(group) || producerGroups.has(group)
    if (!isKnown && consumerGroups.size + producerGroups.size >= GROUPS_PER_CLIENT_MAX)
      throw new RequestError(
        ResponseCode.INVALID_PARAMETER,
        `this connection is in ${GROUPS_PER_CLIENT_MAX} groups, which is the limit; group ${group} was left out`,
      )
    return connection
  }

  #dropConnection(peerId: number): void {
    const connection = this.#connections.get(peerId)
    if (connection === undefined) return
    this.#connections.delete(peerId)
    for (const group of connection.consumerGroups) this.#leaveConsumers(peerId, group)
    for (const group of connection.producerGroups) this.#leaveProducers(peerId, group)
  }

  /**
   * RocketMQ closes the whole connection when it is silent in one group. Here it leaves that group, and is closed only when
   * no group is left: clients that end one consumer without a word (Go) keep their others.
   */
  #dropSilent(connection: Connection, limitMs: number): void {
    const { peer, consumerGroups, producerGroups } = connection
    let isSilent = false
    for (const group of consumerGroups) {
      const member = this.#consumers.get(group)?.members.get(peer.id)
      if (member === undefined || member.lastBeatAtMs >= limitMs) continue
      isSilent = true
      this.#log.info('consumer.expired', { group, clientId: member.clientId, peer: peer.remoteAddress })
      this.unregisterConsumer(peer, group)
    }
    for (const group of producerGroups) {
      const member = this.#producers.get(group)?.get(peer.id)
      if (member === undefined || member.lastBeatAtMs >= limitMs) continue
      isSilent = true
      this.#log.info('producer.expired', { group, clientId: member.clientId, peer: peer.remoteAddress })
      this.unregisterProducer(peer, group)
    }
    if (isSilent && consumerGroups.size + producerGroups.size === 0)
      peer.close(`no heartbeat for ${this.#settings.channelExpiredTimeout} ms`)
  }

  #leaveConsumers(peerId: number, name: string): void {
    const group = this.#consumers.get(name)
    const member = group?.members.get(peerId)
    if (group === undefined || member === undefined) return
    group.members.delete(peerId)
    group.ids = undefined
    this.#log.info('consumer.left', {
      group: name,
      clientId: member.clientId,
      peer: member.peer.remoteAddress,
    })
    if (group.members.size === 0) {
      this.#consumers.delete(name)
      this.#notices.forget(group)
    } else this.#notices.changed(group, this.#clock.monotonicMs())
  }

  #leaveProducers(peerId: number, group: string): void {
    const members = this.#producers.get(group)
    members?.delete(peerId)
    if (members?.size === 0) this.#producers.delete(group)
  }

  #warnOfContradiction(group: ConsumerGroup, peer: Peer, nowMs: number): void {
    const mine = group.members.get(peer.id)
    if (mine === undefined) return
    for (const other of group.members.values()) {
      if (other.subscribed === '' || other.subscribed === mine.subscribed) continue
      this.contradictionCount++
      if (nowMs - group.warnedAtMs < WARNING_INTERVAL_MS) return
      group.warnedAtMs = nowMs
      this.#log.warn('consumer.contradiction', {
        group: group.name,
        clientId: mine.clientId,
        other: other.clientId,
        advice: 'all consumers of a group have to subscribe to the same topics with the same expressions',
      })
      return
    }
  }
}

const NO_IDS: readonly string[] = []
const NOBODY: ReadonlyMap<number, Member> = new Map()
