import { key } from './keys.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Topics and groups: which exist, who makes them, what they start with. */
const topicKeys = {
  autoCreateTopicEnable: key({
    default: true,
    isImportant: true,
    change: 'restart',
    meaning: 'a send to an unknown topic makes it, from the template TBW102',
  }),
  autoCreateSubscriptionGroup: key({
    default: true,
    isImportant: true,
    meaning: 'a consumer of an unknown group makes it',
  }),
  defaultTopicQueueNums: key({
    default: 8,
    min: 1,
    max: 1024,
    isImportant: true,
    change: 'restart',
    meaning: 'queues of the template TBW102: the most that an automatically made topic gets',
  }),
  maxTopicNum: key({
    default: 100_000,
    min: 100,
    max: 1_000_000,
    aliases: ['topicsMax'],
    meaning: 'topics that this broker holds at most',
  }),
  maxQueueNumPerTopic: key({
    default: 1024,
    min: 16,
    max: 65_536,
    aliases: ['queuesPerTopicMax'],
    meaning: 'queues of one topic at most',
  }),
  maxGroupNum: key({
    default: 100_000,
    min: 100,
    max: 1_000_000,
    aliases: ['groupsMax'],
    meaning: 'consumer groups that this broker holds at most',
  }),
  brokerPermission: key({
    default: 6,
    min: 0,
    max: 7,
    isImportant: true,
    meaning: '4 = read, 2 = write, 6 = both, for the whole broker, as routes show it',
  }),
  brokerTopicEnable: key({
    default: true,
    change: 'restart',
    meaning: 'the topic named like the broker is a template that producers may name',
  }),
  clusterTopicEnable: key({
    default: true,
    change: 'restart',
    meaning: 'the topic named like the cluster is a template that producers may name',
  }),
  traceTopicEnable: key({
    default: false,
    change: 'restart',
    meaning: 'make the topic for message traces',
  }),
  msgTraceTopicName: key({
    default: 'RMQ_SYS_TRACE_TOPIC',
    change: 'restart',
    meaning: 'name of the topic for message traces',
  }),
  traceOn: key({ default: true, meaning: 'tell clients that traces are wanted' }),
  reviveQueueNum: key({
    default: 8,
    min: 1,
    max: 1024,
    change: 'restart',
    meaning: 'queues of the revive topic of pop consumption',
  }),
  validateSystemTopicWhenUpdateTopic: key({
    default: true,
    meaning: 'refuse administrators who change a system topic',
  }),
}

/** Sending. */
const sendKeys = {
  regionId: key({ default: 'DefaultRegion', change: 'restart', meaning: 'region, as send answers name it' }),
  startAcceptSendRequestTimeStamp: key({
    default: 0,
    unit: 'ms since 1970',
    meaning: 'sends before this moment are refused',
  }),
  allowClientWaitOverride: key({
    default: true,
    meaning: 'a message with property WAIT=false is acknowledged before it is durable, as its sender asks',
  }),
  maxMsgsNumBatch: key({
    default: 64,
    min: 1,
    max: 1024,
    meaning: 'messages that one query by key returns at most',
  }),
  defaultQueryMaxNum: key({
    default: 32,
    min: 1,
    max: 1024,
    meaning: 'messages that one query by key returns when the client names no number',
  }),
}

/** Pulling. */
const pullKeys = {
  longPollingEnable: key({ default: true, meaning: 'park a pull that finds nothing until a message comes' }),
  shortPollingTimeMills: key({
    default: 1000,
    min: 10,
    max: 60_000,
    unit: 'ms',
    meaning: 'how long a pull is parked when longPollingEnable is off',
  }),
  maxTransferBytesOnMessageInMemory: key({
    default: 256 * KIB,
    min: 1,
    max: 8 * MIB,
    unit: 'bytes',
    meaning: 'size of a pull answer',
  }),
  maxTransferCountOnMessageInMemory: key({
    default: 32,
    min: 1,
    max: 1024,
    meaning: 'messages in a pull answer',
  }),
  pullBatchMaxMessageCount: key({
    default: 160,
    min: 1,
    max: 1024,
    meaning: 'messages in a pull answer, whatever the client asks for',
  }),
  litePullMessageEnable: key({ default: true, meaning: 'serve lite pull requests' }),
  rejectPullConsumerEnable: key({ default: false, meaning: 'refuse consumers that only pull' }),
}

/** Clients, their connections and their offsets. */
const clientKeys = {
  notifyConsumerIdsChangedEnable: key({
    default: true,
    meaning: 'tell the consumers of a group when one comes or goes',
  }),
  realTimeNotifyConsumerChange: key({ default: true, meaning: 'tell them at once; otherwise every 15 s' }),
  channelExpiredTimeout: key({
    default: 120_000,
    min: 1000,
    max: 3_600_000,
    unit: 'ms',
    meaning: 'a client without a heartbeat for so long is dropped',
  }),
  useServerSideResetOffset: key({
    default: true,
    meaning: 'an offset reset takes effect on the broker, without the help of the clients',
  }),
}

/** Registration. */
const registrationKeys = {
  registerNameServerPeriod: key({
    default: 30_000,
    min: 10_000,
    max: 60_000,
    unit: 'ms',
    change: 'restart',
    meaning: 'time between registrations with the nameservers',
  }),
  registerBrokerTimeoutMills: key({
    default: 24_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    meaning: 'time a nameserver has to answer a registration',
  }),
}

/** Administration. */
const adminKeys = {
  configBlackList: key({
    default: 'configBlackList;brokerConfigPath',
    change: 'never',
    meaning: 'keys that administrators may not change, separated by ";"',
  }),
}

export const brokerTrafficKeys = {
  ...topicKeys,
  ...sendKeys,
  ...pullKeys,
  ...clientKeys,
  ...registrationKeys,
  ...adminKeys,
}
