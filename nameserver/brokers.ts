import type { DataVersion } from '../remoting/bodies/data-version.ts'

export const MASTER_ID = 0

/** Silence of a broker that named no time of its own (RouteInfoManager.DEFAULT_BROKER_CHANNEL_EXPIRED_TIME). */
export const SILENCE_MAX_MS = 120_000

export interface BrokerIdentity {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerAddr: string
  readonly brokerId: number
}

/** What a registration says of the broker itself. */
export interface BrokerFacts {
  readonly haServerAddr: string
  readonly dataVersion: DataVersion
  /** The connection that the registration came on: when it closes, the broker is gone. */
  readonly connection: object
  readonly filterServers: readonly string[]
  /** Of the bodies that registered this version: several when a broker splits its topics over more than one. */
  readonly fingerprints: ReadonlySet<string>
  /** How long it may be silent. */
  readonly timeoutMs: number
}

/** What it says of its group; the newest registration of any member counts. */
export interface GroupFacts {
  readonly zoneName: string | undefined
  readonly enableActingMaster: boolean
}

/** One registered address. */
export interface Broker extends BrokerFacts {
  readonly clusterName: string
  readonly brokerAddr: string
  readonly brokerId: number
  readonly group: BrokerGroup
  readonly seenAtMs: number
  /** Nothing happened to the group's topics since these bodies were applied, so that an equal one changes nothing. */
  readonly isApplied: boolean
}

/** All brokers of one name, by id: a master and its slaves. Exists while it has a member. */
export interface BrokerGroup extends GroupFacts {
  /** The cluster of the first registration. */
  readonly clusterName: string
  readonly brokerName: string
  readonly members: ReadonlyMap<number, Broker>
}

/** A broker that left. */
export interface Departure {
  readonly broker: Broker
  /** Of the group, before. */
  readonly smallestId: number
  /** It was the last of its group. */
  readonly isGroupGone: boolean
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type OwnBroker = Mutable<Omit<Broker, 'group'>> & { group: OwnGroup }
type OwnGroup = Mutable<Omit<BrokerGroup, 'members'>> & { readonly members: Map<number, OwnBroker> }

/**
 * Who is registered where. An address belongs to one broker name and one id, and each id of a group has one address:
 * a registration that says otherwise takes the place of what was known before.
 */
export class BrokerTable {
  readonly #groups = new Map<string, OwnGroup>()
  readonly #clusters = new Map<string, Set<string>>()
  readonly #brokers = new Map<string, OwnBroker>()
  #version = 0

  /** Changes whenever something that a route answer shows of a broker changes. */
  get version(): number {
    return this.#version
  }

  /** Registered addresses. */
  get size(): number {
    return this.#brokers.size
  }

  get groups(): ReadonlyMap<string, BrokerGroup> {
    return this.#groups
  }

  /** Cluster name → broker names. */
  get clusters(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#clusters
  }

  find(clusterName: string, brokerAddr: string): Broker | undefined {
    return this.#brokers.get(keyOf(clusterName, brokerAddr))
  }

  /** Refreshes a broker whose identity did not change. */
  refresh(broker: Broker, facts: BrokerFacts, groupFacts: GroupFacts, nowMs: number): void {
    const own = broker as OwnBroker
    if (!isSameList(own.filterServers, facts.filterServers)) this.#version += 1
    own.haServerAddr = facts.haServerAddr
    own.dataVersion = facts.dataVersion
    own.connection = facts.connection
    own.filterServers = facts.filterServers
    own.fingerprints = facts.fingerprints
    own.timeoutMs = facts.timeoutMs
    own.seenAtMs = nowMs
    this.#setGroupFacts(own.group, groupFacts)
  }

  /**
   * Enters a broker that is not known under this identity. Who held the id before is gone afterwards, and so is what
   * the address was before under another id or name: a slave that became the master, an address that is used again.
   */
  enter(
    identity: BrokerIdentity,
    facts: BrokerFacts,
    groupFacts: GroupFacts,
    nowMs: number,
  ): { readonly broker: Broker; readonly moved: Departure | undefined } {
    const { clusterName, brokerName, brokerAddr, brokerId } = identity
    const before = this.#brokers.get(keyOf(clusterName, brokerAddr))
    const isSameGroup = before?.group.brokerName === brokerName
    const moved = before !== undefined && !isSameGroup ? this.remove(before) : undefined

    const group = this.#groupFor(identity)
    if (before !== undefined && isSameGroup) this.#leave(before)
    const holder = group.members.get(brokerId)
    if (holder !== undefined) this.#leave(holder)
    const broker: OwnBroker = {
      clusterName,
      brokerAddr,
      brokerId,
      group,
      ...facts,
      seenAtMs: nowMs,
      isApplied: false,
    }
    this.#brokers.set(keyOf(clusterName, brokerAddr), broker)
    group.members.set(brokerId, broker)
    this.#setGroupFacts(group, groupFacts)
    this.#membersChanged(group)
    return { broker, moved }
  }

  /** A sign of life without a registration (904, 322). Unknown addresses are none of our business. */
  touch(clusterName: string, brokerAddr: string, nowMs: number): void {
    const broker = this.#brokers.get(keyOf(clusterName, brokerAddr))
    if (broker !== undefined) broker.seenAtMs = nowMs
  }

  remove(broker: Broker): Departure {
    const own = broker as OwnBroker
    const smallestId = smallestIdOf(own.group)
    this.#leave(own)
    const isGroupGone = own.group.members.size === 0
    if (isGroupGone) this.#forgetGroup(own.group)
    else this.#membersChanged(own.group)
    return { broker, smallestId, isGroupGone }
  }

  markApplied(broker: Broker): void {
    ;(broker as OwnBroker).isApplied = true
  }

  /** The next registrations of each member are applied in full, also when their bodies are the same. */
  applyAgain(brokerName: string): void {
    for (const broker of this.#groups.get(brokerName)?.members.values() ?? []) broker.isApplied = false
  }

  silentSince(nowMs: number): readonly Broker[] {
    return [...this.#brokers.values()].filter((broker) => broker.seenAtMs + broker.timeoutMs < nowMs)
  }

  on(connection: object): readonly Broker[] {
    return [...this.#brokers.values()].filter((broker) => broker.connection === connection)
  }

  #leave(broker: OwnBroker): void {
    this.#brokers.delete(keyOf(broker.clusterName, broker.brokerAddr))
    if (broker.group.members.get(broker.brokerId) === broker) broker.group.members.delete(broker.brokerId)
  }

  #groupFor(identity: BrokerIdentity): OwnGroup {
    const { clusterName, brokerName } = identity
    let group = this.#groups.get(brokerName)
    if (group === undefined) {
      group = {
        clusterName,
        brokerName,
        members: new Map(),
        zoneName: undefined,
        enableActingMaster: false,
      }
      this.#groups.set(brokerName, group)
    }
    let names = this.#clusters.get(clusterName)
    if (names === undefined) {
      names = new Set()
      this.#clusters.set(clusterName, names)
    }
    names.add(brokerName)
    return group
  }

  #setGroupFacts(group: OwnGroup, facts: GroupFacts): void {
    if (group.zoneName === facts.zoneName && group.enableActingMaster === facts.enableActingMaster) return
    group.zoneName = facts.zoneName
    group.enableActingMaster = facts.enableActingMaster
    this.#version += 1
  }

  #membersChanged(group: OwnGroup): void {
    this.#version += 1
    this.applyAgain(group.brokerName)
  }

  #forgetGroup(group: OwnGroup): void {
    this.#version += 1
    this.#groups.delete(group.brokerName)
    for (const [clusterName, names] of this.#clusters)
      if (names.delete(group.brokerName) && names.size === 0) this.#clusters.delete(clusterName)
  }
}

export function smallestIdOf(group: BrokerGroup): number {
  let smallest = Number.POSITIVE_INFINITY
  for (const id of group.members.keys()) if (id < smallest) smallest = id
  return smallest
}

/** True when no member has id 0. */
export const isWithoutMaster = (group: BrokerGroup): boolean => smallestIdOf(group) > MASTER_ID

// A tab occurs in neither part (the handlers see to it), so that no two pairs have the same key.
const keyOf = (clusterName: string, brokerAddr: string): string => `${brokerAddr}\t${clusterName}`

const isSameList = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((item, index) => item === b[index]))
