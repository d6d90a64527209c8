import { topicListBody } from '../remoting/bodies/topic-list.ts'
import { queueDataOn } from './placements.ts'
import type { RouteTable } from './routes.ts'

/** Bits of topicSysFlag (TopicSysFlag.java). */
const UNIT = 1
const UNIT_SUBSCRIPTION = 2

/** Lists of topic names as bodies. The list of all topics, which consoles poll, is kept until the topics change. */
export class TopicLists {
  readonly #routes: RouteTable
  #all: Buffer | undefined
  #allVersion = -1

  constructor(routes: RouteTable) {
    this.#routes = routes
  }

  all(): Buffer {
    const { topics } = this.#routes
    if (this.#all === undefined || this.#allVersion !== topics.version) {
      this.#all = topicListBody.encode({ topicList: [...topics.names()] })
      this.#allVersion = topics.version
    }
    return this.#all
  }

  /** Topics on any broker of the cluster; an unknown cluster has none. */
  ofCluster(clusterName: string): Buffer {
    const brokerNames = [...(this.#routes.brokers.clusters.get(clusterName) ?? [])]
    const topicList: string[] = []
    for (const [topic, placement] of this.#routes.topics.entries())
      if (brokerNames.some((name) => queueDataOn(placement, name) !== undefined)) topicList.push(topic)
    return topicListBody.encode({ topicList })
  }

  /** Names of clusters and of brokers, which exist as topics everywhere, and the address of some broker. */
  system(): Buffer {
    const topicList = new Set<string>()
    for (const [clusterName, brokerNames] of this.#routes.brokers.clusters) {
      topicList.add(clusterName)
      for (const brokerName of brokerNames) topicList.add(brokerName)
    }
    let brokerAddr: string | undefined
    for (const group of this.#routes.brokers.groups.values()) {
      const [smallest] = [...group.members.keys()].sort((a, b) => a - b)
      brokerAddr = smallest === undefined ? undefined : group.members.get(smallest)?.brokerAddr
      if (brokerAddr !== undefined) break
    }
    return topicListBody.encode({ topicList: [...topicList], brokerAddr })
  }

  unit(): Buffer {
    return this.#byFlag((flag) => (flag & UNIT) !== 0)
  }

  withUnitSubscription(): Buffer {
    return this.#byFlag((flag) => (flag & UNIT_SUBSCRIPTION) !== 0)
  }

  withUnitSubscriptionOutsideUnits(): Buffer {
    return this.#byFlag((flag) => (flag & UNIT) === 0 && (flag & UNIT_SUBSCRIPTION) !== 0)
  }

  /** As in RouteInfoManager.java one broker of a topic speaks for all. */
  #byFlag(isWanted: (topicSysFlag: number) => boolean): Buffer {
    const topicList: string[] = []
    for (const [topic, placement] of this.#routes.topics.entries())
      if (isWanted(placement.queueData[0]?.topicSysFlag ?? 0)) topicList.push(topic)
    return topicListBody.encode({ topicList })
  }
}
