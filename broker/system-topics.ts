import {
  AUTO_CREATE_TOPIC,
  BENCHMARK_TOPIC,
  HALF_TOPIC,
  OFFSET_MOVED_TOPIC,
  OP_HALF_TOPIC,
  SCHEDULE_TOPIC,
  SELF_TEST_TOPIC,
  TIMER_TOPIC,
} from '../message/names.ts'
import type { TopicConfig } from '../remoting/bodies/topic-config.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import { PERM_INHERIT, PERM_READ_WRITE, PERM_TEMPLATE } from './permissions.ts'

const BENCHMARK_QUEUES = 1024
const CLUSTER_QUEUES = 16
/** One per delay level that RocketMQ can have, whatever messageDelayLevel says. */
const SCHEDULE_QUEUES = 18

/**
 * The topics every broker registers from its first moment, as TopicConfigManager of RocketMQ: tools expect them, and a
 * nameserver refuses a first registration with one topic only. Later ones replace earlier ones of the same name.
 */
export function systemTopics(settings: BrokerSettings): TopicConfig[] {
  const { brokerClusterName: cluster, brokerName } = settings
  const topics: TopicConfig[] = [topic(SELF_TEST_TOPIC, 1)]
  if (settings.autoCreateTopicEnable)
    topics.push(topic(AUTO_CREATE_TOPIC, settings.defaultTopicQueueNums, PERM_TEMPLATE))
  topics.push(
    topic(BENCHMARK_TOPIC, BENCHMARK_QUEUES),
    topic(cluster, CLUSTER_QUEUES, settings.clusterTopicEnable ? PERM_TEMPLATE : PERM_INHERIT),
    topic(brokerName, 1, settings.brokerTopicEnable ? PERM_TEMPLATE : PERM_INHERIT),
    topic(OFFSET_MOVED_TOPIC, 1),
    topic(SCHEDULE_TOPIC, SCHEDULE_QUEUES),
    topic(`${cluster}_REPLY_TOPIC`, 1),
    topic(`rmq_sys_REVIVE_LOG_${cluster}`, settings.reviveQueueNum),
    topic(`rmq_sys_SYNC_BROKER_MEMBER_${brokerName}`, 1, PERM_INHERIT),
    topic(HALF_TOPIC, 1),
    topic(OP_HALF_TOPIC, 1),
    topic(TIMER_TOPIC, 1),
  )
  if (settings.traceTopicEnable) topics.push(topic(settings.msgTraceTopicName, 1))
  return [...new Map(topics.map((config) => [config.topicName, config])).values()]
}

const topic = (topicName: string, queueNums: number, perm = PERM_READ_WRITE): TopicConfig => ({
  topicName,
  readQueueNums: queueNums,
  writeQueueNums: queueNums,
  perm,
  topicFilterType: 'SINGLE_TAG',
  topicSysFlag: 0,
  order: false,
  attributes: {},
})
