import type { DataVersion } from '../remoting/bodies/data-version.ts'
import { isSameVersion } from '../remoting/bodies/data-version.ts'
import {
  type Broker,
  type BrokerFacts,
  type BrokerGroup,
  type BrokerIdentity,
  BrokerTable,
  type Departure,
  isWithoutMaster,
  MASTER_ID,
  SILENCE_MAX_MS,
  smallestIdOf,
} from './brokers.ts'
import { PERM_READ, PERM_WRITE } from './placements.ts'
import { type TopicLimits, type TopicQueues, TopicTable, withoutWrite } from './topics.ts'

/** A registration (103) without the part that is expensive to read. */
export interface Registration extends BrokerIdentity {
  readonly haServerAddr: string
  readonly zoneName: string | undefined
  /** Undefined for brokers older than the acting master, which never stand in for a master. */
  readonly enableActingMaster: boolean | undefined
  /** Undefined for RocketMQ's 120 seconds. */
  readonly heartbeatTimeoutMs: number | undefined
  readonly dataVersion: DataVersion
  /** Equal for equal bodies. */
  readonly fingerprint: string
  readonly connection: object
}

/** The expensive part. */
export interface RegisteredTopics {
  readonly topics: readonly TopicQueues[]
  readonly filterServers: readonly string[]
  /** Static topics: topic → TopicQueueMappingInfo. */
  readonly mappings: readonly (readonly [topic: string, info: unknown])[]
}

/** The group has another smallest broker id: what code 905 tells its members. */
export interface SmallestIdChange {
  readonly brokerName: string
  readonly smallestId: number
  readonly smallestIdAddr: string
  readonly offlineAddr: string | undefined
  readonly haServerAddr: string | undefined
  /** Addresses to tell. */
  readonly tell: readonly string[]
}

export type RegisterOutcome =
  | {
      readonly kind: 'registered'
      readonly broker: Broker
      readonly isNew: boolean
      /** For slaves whose master is alive. */
      readonly masterAddr: string | undefined
      readonly masterHaServerAddr: string | undefined
      /** Topics that did not fit into the limits. */
      readonly topicsRefused: number
      readonly smallestIdChange: SmallestIdChange | undefined
    }
  /** The id is held by an address that has seen a higher state version; nothing changed. */
  | { readonly kind: 'outdated'; readonly heldBy: string }
  /** The first registration of an id had exactly one topic; nothing changed. */
  | { readonly kind: 'single-topic' }
  /** As many brokers as the limit allows are registered; nothing changed. */
  | { readonly kind: 'full' }

export interface RemovalOutcome {
  readonly removed: readonly Broker[]
  readonly smallestIdChanges: readonly SmallestIdChange[]
}

export interface RouteLimits extends TopicLimits {
  readonly brokersMax: number
}

/** Bodies that are remembered of one broker and version. */
const BODIES_MAX = 64

/**
 * The state of a nameserver: brokers, their topics, and when each was last heard of. Knows no sockets and no clock: time
 * comes with each event as milliseconds of a clock that never goes back, and what others have to be told comes back as a value.
 * The rules are those of RouteInfoManager.java; where they differ it is said.
 */
export class RouteTable {
  readonly brokers = new BrokerTable()
  readonly topics: TopicTable
  readonly #limits: RouteLimits

  constructor(limits: RouteLimits) {
    this.#limits = limits
    this.topics = new TopicTable(limits)
  }

  /**
   * True when a registration with this identity, version and body would find all its topics as they are already, so that
   * its topics need not be read. RocketMQ compares the version alone, topic by topic, and restores topics that
   * are missing; comparing the body too lets us skip the reading without losing that.
   */
  isUnchanged(registration: Registration): boolean {
    const broker = this.#known(registration)
    return (
      broker?.isApplied === true &&
      broker.fingerprints.has(registration.fingerprint) &&
      isSameVersion(broker.dataVersion, registration.dataVersion)
    )
  }

  /**
   * `content` may be undefined only when isUnchanged said so. With `isComplete` the topics are all that the group has, and
   * others are removed (deleteTopicWithBrokerRegistration).
   */
  register(
    registration: Registration,
    content: RegisteredTopics | undefined,
    isComplete: boolean,
    nowMs: number,
  ): RegisterOutcome {
    const { brokerName, brokerId } = registration
    const group = this.brokers.groups.get(brokerName)
    const holder = group?.members.get(brokerId)
    if (holder !== undefined && this.#isOutdated(registration, holder)) {
      const rejected = this.brokers.find(registration.clusterName, registration.brokerAddr)
      if (rejected !== undefined && rejected.group === group) this.#depart([rejected])
      return { kind: 'outdated', heldBy: holder.brokerAddr }
    }
    if (holder === undefined && content?.topics.length === 1) return { kind: 'single-topic' }
    const known = this.#known(registration)
    if (known === undefined && holder === undefined && this.brokers.size >= this.#limits.brokersMax)
      return { kind: 'full' }

    const smallestBefore = group === undefined || group.members.size === 0 ? 0 : smallestIdOf(group)
    const isVersionChanged = this.isChanged(registration)
    const fingerprints = this.#fingerprintsAfter(registration, known, isComplete)
    const broker = this.#enter(registration, known, content, fingerprints, nowMs)
    const isFirst = holder === undefined
    const topicsRefused =
      content === undefined
        ? 0
        : this.#apply(registration, broker, content, isFirst || isVersionChanged, isComplete)
    const master = brokerId === MASTER_ID ? undefined : broker.group.members.get(MASTER_ID)
    return {
      kind: 'registered',
      broker,
      isNew: known === undefined,
      masterAddr: master?.brokerAddr,
      masterHaServerAddr: master?.haServerAddr,
      topicsRefused,
      smallestIdChange:
        brokerId < smallestBefore
          ? smallestIdChangeOf(broker.group, undefined, broker.haServerAddr)
          : undefined,
    }
  }

  /** True when the address is unknown or has registered another version (322). */
  isChanged(broker: {
    readonly clusterName: string
    readonly brokerAddr: string
    readonly dataVersion: DataVersion
  }): boolean {
    const known = this.brokers.find(broker.clusterName, broker.brokerAddr)
    return known === undefined || !isSameVersion(known.dataVersion, broker.dataVersion)
  }

  /** An orderly goodbye (104). The address decides; an address that is not registered under that name stays. */
  unregister(clusterName: string, brokerName: string, brokerAddr: string): RemovalOutcome {
    const broker = this.brokers.find(clusterName, brokerAddr)
    return this.#depart(broker?.group.brokerName === brokerName ? [broker] : [])
  }

  /** Every broker whose newest registration came on that connection is gone. */
  connectionClosed(connection: object): RemovalOutcome {
    return this.#depart(this.brokers.on(connection))
  }

  /** Brokers that were silent for longer than they may are gone. */
  expire(nowMs: number): RemovalOutcome {
    return this.#depart(this.brokers.silentSince(nowMs))
  }

  /** Queue data without registration (217). Refused as a whole when it names a broker that is not registered. */
  registerTopic(
    topicName: string,
    queues: readonly (TopicQueues & { readonly brokerName: string })[],
  ): boolean {
    if (!queues.every(({ brokerName }) => this.brokers.groups.has(brokerName))) return false
    for (const queue of queues) {
      this.topics.putAll(queue.brokerName, [{ ...queue, topicName }], false)
      this.brokers.applyAgain(queue.brokerName)
    }
    return true
  }

  /** Removes a topic from all brokers or from those of a cluster (216). A broker that still has it brings it back. */
  deleteTopic(topicName: string, clusterName: string | undefined): void {
    const names = clusterName === undefined ? undefined : (this.brokers.clusters.get(clusterName) ?? [])
    for (const name of this.topics.remove(topicName, names)) this.brokers.applyAgain(name)
  }

  /** Takes the write permission from all topics of a broker name (205). Returns how many topics it has. */
  wipeWritePerm(brokerName: string): number {
    return this.topics.setPerm(brokerName, withoutWrite)
  }

  /** Makes all topics of a broker name readable and writable, whatever they were (327). */
  addWritePerm(brokerName: string): number {
    return this.topics.setPerm(brokerName, () => PERM_READ | PERM_WRITE)
  }

  /** After a change of settings that says how registrations are applied. */
  applyAllAgain(): void {
    for (const brokerName of this.brokers.groups.keys()) this.brokers.applyAgain(brokerName)
  }

  #known(registration: Registration): Broker | undefined {
    const broker = this.brokers.find(registration.clusterName, registration.brokerAddr)
    const isSame =
      broker?.group.brokerName === registration.brokerName && broker.brokerId === registration.brokerId
    return isSame ? broker : undefined
  }

  #isOutdated(registration: Registration, holder: Broker): boolean {
    return (
      holder.brokerAddr !== registration.brokerAddr &&
      holder.dataVersion.stateVersion > registration.dataVersion.stateVersion
    )
  }

  /** Bodies of one version belong together, unless each of them says that it is all there is. */
  #fingerprintsAfter(
    { dataVersion, fingerprint }: Registration,
    known: Broker | undefined,
    isComplete: boolean,
  ): ReadonlySet<string> {
    if (known?.fingerprints.has(fingerprint) === true && known.isApplied) return known.fingerprints
    const isOneOfMany = known?.isApplied === true && isSameVersion(known.dataVersion, dataVersion)
    if (!isOneOfMany || isComplete || known.fingerprints.size >= BODIES_MAX) return new Set([fingerprint])
    return new Set([...known.fingerprints, fingerprint])
  }

  #enter(
    registration: Registration,
    known: Broker | undefined,
    content: RegisteredTopics | undefined,
    fingerprints: ReadonlySet<string>,
    nowMs: number,
  ): Broker {
    const facts: BrokerFacts = {
      haServerAddr: registration.haServerAddr,
      dataVersion: registration.dataVersion,
      connection: registration.connection,
      filterServers: content?.filterServers ?? known?.filterServers ?? [],
      fingerprints,
      timeoutMs: registration.heartbeatTimeoutMs ?? SILENCE_MAX_MS,
    }
    const groupFacts = {
      zoneName: registration.zoneName,
      enableActingMaster: registration.enableActingMaster === true,
    }
    if (known !== undefined) {
      this.brokers.refresh(known, facts, groupFacts, nowMs)
      return known
    }
    const { broker, moved } = this.brokers.enter(registration, facts, groupFacts, nowMs)
    if (moved !== undefined) this.#cleanTopics(moved)
    return broker
  }

  /** Returns how many topics did not fit. */
  #apply(
    registration: Registration,
    broker: Broker,
    content: RegisteredTopics,
    isNews: boolean,
    isComplete: boolean,
  ): number {
    const { group, brokerId } = broker
    const isMaster = brokerId === MASTER_ID
    const isActing =
      registration.enableActingMaster !== undefined && !isMaster && brokerId === smallestIdOf(group)
    let refused = 0
    if (isMaster || isActing) {
      if (isComplete && content.mappings.length === 0)
        this.topics.removeBroker(group.brokerName, new Set(content.topics.map((topic) => topic.topicName)))
      const topics =
        isActing && group.enableActingMaster
          ? content.topics.map((topic) => ({ ...topic, perm: withoutWrite(topic.perm) }))
          : content.topics
      refused = this.topics.putAll(group.brokerName, topics, !isNews)
      if (isNews) this.topics.putMappings(group.brokerName, content.mappings)
    }
    if (refused === 0) this.brokers.markApplied(broker)
    else this.brokers.applyAgain(group.brokerName)
    return refused
  }

  #depart(brokers: readonly Broker[]): RemovalOutcome {
    const smallestIdChanges: SmallestIdChange[] = []
    for (const broker of brokers) {
      const departure = this.brokers.remove(broker)
      this.#cleanTopics(departure)
      if (departure.isGroupGone || broker.brokerId !== departure.smallestId) continue
      if (broker.group.enableActingMaster)
        smallestIdChanges.push(smallestIdChangeOf(broker.group, broker.brokerAddr, undefined))
    }
    return { removed: brokers, smallestIdChanges }
  }

  /**
   * The queues of a group stay as long as any member does, so that consumers can read from a slave; they are read-only
   * when the slave stands in for the master.
   */
  #cleanTopics({ broker, isGroupGone }: Departure): void {
    const { group } = broker
    if (isGroupGone) this.topics.removeBroker(group.brokerName)
    else if (group.enableActingMaster && isWithoutMaster(group))
      this.topics.setPerm(group.brokerName, withoutWrite)
  }
}

function smallestIdChangeOf(
  group: BrokerGroup,
  offlineAddr: string | undefined,
  haServerAddr: string | undefined,
): SmallestIdChange {
  const smallestId = smallestIdOf(group)
  const members = [...group.members.values()]
  // After a departure everybody who is left is told, after an arrival everybody else.
  const told =
    offlineAddr !== undefined || members.length === 1
      ? members
      : members.filter((member) => member.brokerId !== smallestId)
  return {
    brokerName: group.brokerName,
    smallestId,
    smallestIdAddr: group.members.get(smallestId)?.brokerAddr ?? '',
    offlineAddr,
    haServerAddr,
    tell: told.map((member) => member.brokerAddr),
  }
}
