/** Rules of topic and group names (protocol §6.1, TopicValidator.java), and the names that RocketMQ itself uses. */
export const RETRY_PREFIX = '%RETRY%'
export const DLQ_PREFIX = '%DLQ%'

/** Bytes and characters alike, as only ASCII is allowed. */
export const TOPIC_NAME_MAX = 127
/** Retry and dead letter topics carry a group name behind their prefix. */
export const DERIVED_TOPIC_NAME_MAX = 255
export const GROUP_NAME_MAX = 120

const ALLOWED = 'letters, digits, "%", "|", "-" and "_"'

/** One bit a character code: which of the first 128 are allowed. */
const isAllowed: readonly boolean[] = Array.from({ length: 128 }, (_, code) =>
  /[%|a-zA-Z0-9_-]/.test(String.fromCharCode(code)),
)

function hasOddCharacter(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (isAllowed[name.charCodeAt(at)] !== true) return true
  return false
}

export const retryTopicOf = (group: string): string => RETRY_PREFIX + group
export const dlqTopicOf = (group: string): string => DLQ_PREFIX + group
export const isRetryTopic = (topic: string): boolean => topic.startsWith(RETRY_PREFIX)
export const isDlqTopic = (topic: string): boolean => topic.startsWith(DLQ_PREFIX)

/** What is wrong with a topic name, in words that say what is allowed; undefined when it is fine. */
export function topicNameProblem(topic: string): string | undefined {
  const max = isRetryTopic(topic) || isDlqTopic(topic) ? DERIVED_TOPIC_NAME_MAX : TOPIC_NAME_MAX
  return nameProblem('topic', topic, max)
}

export const groupNameProblem = (group: string): string | undefined =>
  nameProblem('group', group, GROUP_NAME_MAX)

function nameProblem(what: string, name: string, max: number): string | undefined {
  if (name === '') return `the ${what} name is empty: allowed are 1 to ${max} ${ALLOWED}`
  if (name.length > max) return `the ${what} name has ${name.length} characters: at most ${max} are allowed`
  if (hasOddCharacter(name))
    return `the ${what} name ${JSON.stringify(name.slice(0, 64))} has other characters than ${ALLOWED}`
  return undefined
}

export const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX'
export const AUTO_CREATE_TOPIC = 'TBW102'
export const SELF_TEST_TOPIC = 'SELF_TEST_TOPIC'
export const BENCHMARK_TOPIC = 'BenchmarkTest'
export const HALF_TOPIC = 'RMQ_SYS_TRANS_HALF_TOPIC'
export const OP_HALF_TOPIC = 'RMQ_SYS_TRANS_OP_HALF_TOPIC'
export const TRANSACTION_CHECK_MAX_TOPIC = 'TRANS_CHECK_MAX_TIME_TOPIC'
export const OFFSET_MOVED_TOPIC = 'OFFSET_MOVED_EVENT'
export const TRACE_TOPIC = 'RMQ_SYS_TRACE_TOPIC'
export const TIMER_TOPIC = 'rmq_sys_wheel_timer'
/** Ours: the change records of the logged tables. */
export const CHANGE_TOPIC = 'RMQ_SYS_ROCKETCLUSTER'
export const SYSTEM_TOPIC_PREFIX = 'rmq_sys_'

/** Exist on every broker; tools show or hide them (TopicValidator.SYSTEM_TOPIC_SET and ours). */
const SYSTEM_TOPICS: ReadonlySet<string> = new Set([
  AUTO_CREATE_TOPIC,
  SCHEDULE_TOPIC,
  BENCHMARK_TOPIC,
  HALF_TOPIC,
  OP_HALF_TOPIC,
  TRACE_TOPIC,
  TRANSACTION_CHECK_MAX_TOPIC,
  SELF_TEST_TOPIC,
  OFFSET_MOVED_TOPIC,
  CHANGE_TOPIC,
])

export const isSystemTopic = (topic: string): boolean =>
  SYSTEM_TOPICS.has(topic) || topic.startsWith(SYSTEM_TOPIC_PREFIX)

/** Half messages of RocketMQ 5.4 and later with transRocksDBEnable; in a folder that such a broker wrote. */
const ROCKSDB_TOPICS: readonly string[] = [
  'RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC',
  'RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC',
]

/** What clients may not send to. Java refuses the first six only; the rest are queues that the broker alone writes. */
const CLOSED_TOPICS: ReadonlySet<string> = new Set([
  SCHEDULE_TOPIC,
  HALF_TOPIC,
  OP_HALF_TOPIC,
  TRANSACTION_CHECK_MAX_TOPIC,
  SELF_TEST_TOPIC,
  OFFSET_MOVED_TOPIC,
  CHANGE_TOPIC,
  ...ROCKSDB_TOPICS,
])

export const isClosedToClients = (topic: string): boolean =>
  CLOSED_TOPICS.has(topic) || topic.startsWith(SYSTEM_TOPIC_PREFIX)

export const SYSTEM_GROUP_PREFIX = 'CID_RMQ_SYS_'
export const TOOLS_GROUP = 'TOOLS_CONSUMER'

/** Groups that every broker has from its start (SubscriptionGroupManager.init). */
export const SYSTEM_GROUPS: readonly string[] = [
  TOOLS_GROUP,
  'FILTERSRV_CONSUMER',
  'SELF_TEST_C_GROUP',
  'CID_ONS-HTTP-PROXY',
  'CID_ONSAPI_PULL',
  'CID_ONSAPI_PERMISSION',
  'CID_ONSAPI_OWNER',
  'CID_RMQ_SYS_TRANS',
]

export const isSystemGroup = (group: string): boolean =>
  SYSTEM_GROUPS.includes(group) || group.startsWith(SYSTEM_GROUP_PREFIX)
