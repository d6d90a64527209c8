import {
  type BrokerData,
  encodeFastjsonRoute,
  type TopicRouteData,
  topicRouteBody,
} from '../remoting/bodies/topic-route.ts'
import { type BrokerGroup, MASTER_ID, smallestIdOf } from './brokers.ts'
import { PERM_WRITE, type Placement, type QueueData } from './placements.ts'
import type { RouteTable } from './routes.ts'

/** How a route has to look for one request. */
export interface RouteView {
  /** Standard JSON; otherwise the keys of brokerAddrs are bare numbers, as fastjson writes them (protocol §1.6). */
  readonly isStandardJson: boolean
  /** Where a group has no master, may its smallest id be shown as one? (supportActingMaster) */
  readonly showsActingMaster: boolean
  /** Only brokers of this zone, and those of any zone that have no master. Compared without regard to case. */
  readonly zoneName: string | undefined
}

/** Routes of this prefix always show the brokers as they are (TopicValidator.SYNC_BROKER_MEMBER_GROUP_PREFIX). */
const MEMBER_GROUP_PREFIX = 'rmq_sys_SYNC_BROKER_MEMBER_'

/** A placement encoded for one view: everything of the answer that does not depend on the topic. */
interface EncodedPlacement {
  readonly json: Buffer
  /** Where `"orderTopicConf":…,` goes. */
  readonly orderConfAt: number
  /** What it takes in memory, roughly. */
  readonly costBytes: number
}

/** What surrounds the bytes of one kept answer in memory. */
const OVERHEAD_BYTES = 400

/**
 * Route answers (105) as bytes. A route is encoded once per placement and view and kept until a broker changes; what belongs
 * to a single topic is put between its parts. When more than `bytesMax` are kept, the oldest go.
 */
export class RouteAnswers {
  readonly #routes: RouteTable
  readonly #bytesMax: number
  readonly #kept = new Map<Placement, Map<string, EncodedPlacement>>()
  #keptBytes = 0
  #brokersVersion = -1

  constructor(routes: RouteTable, bytesMax: number) {
    this.#routes = routes
    this.#bytesMax = bytesMax
  }

  get keptBytes(): number {
    return this.#keptBytes
  }

  /** The body of the answer, or undefined when the topic has no route. */
  answer(topic: string, view: RouteView, orderTopicConf: string | undefined): readonly Buffer[] | undefined {
    const placement = this.#routes.topics.placementOf(topic)
    if (placement === undefined) return undefined
    const showsActingMaster = view.showsActingMaster && !topic.startsWith(MEMBER_GROUP_PREFIX)
    const { json, orderConfAt } = this.#encoded(placement, { ...view, showsActingMaster })
    const mappings = this.#routes.topics.mappingsOf(topic)
    if (orderTopicConf === undefined && mappings === undefined) return [json]

    const parts = [json.subarray(0, orderConfAt)]
    if (orderTopicConf !== undefined)
      parts.push(Buffer.from(`"orderTopicConf":${JSON.stringify(orderTopicConf)},`))
    parts.push(json.subarray(orderConfAt, json.length - 1))
    if (mappings !== undefined)
      parts.push(Buffer.from(`,"topicQueueMappingByBroker":${JSON.stringify(Object.fromEntries(mappings))}`))
    parts.push(json.subarray(json.length - 1))
    return parts
  }

  #encoded(placement: Placement, view: RouteView): EncodedPlacement {
    if (this.#brokersVersion !== this.#routes.brokers.version) this.#forgetAll()
    const form = view.isStandardJson ? 's' : 'b'
    const zone = view.zoneName === undefined ? '' : ` ${view.zoneName.toLowerCase()}`
    const key = form + (view.showsActingMaster ? 'a' : '') + zone
    let views = this.#kept.get(placement)
    let encoded = views?.get(key)
    if (encoded !== undefined) return encoded
    const route = routeOf(placement, this.#routes, view)
    const json = view.isStandardJson ? topicRouteBody.encode(route) : encodeFastjsonRoute(route)
    const costBytes = json.length + 2 * key.length + OVERHEAD_BYTES
    // A quote within a text is always escaped, so that this can only be the key.
    encoded = { json, orderConfAt: json.lastIndexOf('"queueDatas":['), costBytes }
    if (views === undefined) {
      views = new Map()
      this.#kept.set(placement, views)
    }
    views.set(key, encoded)
    this.#keptBytes += costBytes
    while (this.#keptBytes > this.#bytesMax && this.#kept.size > 0) this.#forgetOldest()
    return encoded
  }

  #forgetAll(): void {
    this.#kept.clear()
    this.#keptBytes = 0
    this.#brokersVersion = this.#routes.brokers.version
  }

  #forgetOldest(): void {
    for (const [placement, views] of this.#kept) {
      for (const { costBytes } of views.values()) this.#keptBytes -= costBytes
      this.#kept.delete(placement)
      return
    }
  }
}

function routeOf(placement: Placement, routes: RouteTable, view: RouteView): TopicRouteData {
  const brokerDatas: BrokerData[] = []
  const queueDatas: QueueData[] = []
  const filterServerTable: Record<string, readonly string[]> = {}
  for (const data of placement.queueData) {
    const group = routes.brokers.groups.get(data.brokerName)
    if (group === undefined) continue
    const shown = brokerDataOf(group, view.showsActingMaster && (data.perm & PERM_WRITE) === 0)
    if (!isInZone(shown, view.zoneName)) continue
    brokerDatas.push(shown)
    queueDatas.push(data)
    for (const { brokerAddr, filterServers } of group.members.values())
      if (filterServers.length > 0) filterServerTable[brokerAddr] = filterServers
  }
  return { brokerDatas, queueDatas, filterServerTable }
}

/**
 * A group as clients see it. Where it has no master and slaves may stand in for it, `showsActingMaster` puts the smallest
 * id in the place of id 0, so that clients find somebody to lock queues and to ask for offsets.
 */
export function brokerDataOf(group: BrokerGroup, showsActingMaster: boolean): BrokerData {
  const isActing = showsActingMaster && group.enableActingMaster && !group.members.has(MASTER_ID)
  const smallestId = isActing ? smallestIdOf(group) : undefined
  const brokerAddrs: Record<string, string> = {}
  for (const [id, { brokerAddr }] of group.members)
    brokerAddrs[id === smallestId ? MASTER_ID : id] = brokerAddr
  return {
    cluster: group.clusterName,
    brokerName: group.brokerName,
    brokerAddrs,
    enableActingMaster: group.enableActingMaster,
    zoneName: group.zoneName,
  }
}

/** As ZoneRouteRPCHook.java: a group without a master is shown in every zone, so that its messages can be read. */
function isInZone(broker: BrokerData, zoneName: string | undefined): boolean {
  if (zoneName === undefined || broker.brokerAddrs[MASTER_ID] === undefined) return true
  return broker.zoneName?.toLowerCase() === zoneName.toLowerCase()
}
