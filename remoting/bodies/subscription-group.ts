import { type DataVersion, dataVersion } from './data-version.ts'
import {
  anything,
  body,
  flag,
  integer,
  list,
  mapOf,
  maybe,
  orElse,
  shape,
  type TypeOf,
  text,
} from './schema.ts'

export const simpleSubscription = shape({
  topic: text,
  expressionType: maybe(text),
  expression: maybe(text),
  version: orElse(integer, 0),
})

/** Defaults are those of SubscriptionGroupConfig.java. */
export const groupConfig = shape({
  groupName: text,
  consumeEnable: orElse(flag, true),
  consumeFromMinEnable: orElse(flag, true),
  consumeBroadcastEnable: orElse(flag, true),
  consumeMessageOrderly: orElse(flag, false),
  retryQueueNums: orElse(integer, 1),
  retryMaxTimes: orElse(integer, 16),
  /** `{type, exponentialRetryPolicy, customizedRetryPolicy}`; kept as it came. */
  groupRetryPolicy: maybe(anything),
  brokerId: orElse(integer, 0),
  whichBrokerWhenConsumeSlowly: orElse(integer, 1),
  notifyConsumerIdsChangedEnable: orElse(flag, true),
  groupSysFlag: orElse(integer, 0),
  consumeTimeoutMinute: orElse(integer, 15),
  subscriptionDataSet: maybe(list(simpleSubscription)),
  attributes: mapOf(text),
})
export type GroupConfig = TypeOf<typeof groupConfig>

/** Body of 200 and answer of 352. */
export const groupConfigBody = body('SubscriptionGroupConfig', groupConfig)

/** Body of 225. */
export const groupConfigListBody = body(
  'SubscriptionGroupList',
  shape({ groupConfigList: list(groupConfig) }),
)

/** subscriptionGroup.json, and the answer of 201. */
export const groupConfigTable = shape({
  dataVersion: orElse(dataVersion, { counter: 0, stateVersion: 0, timestamp: 0 } satisfies DataVersion),
  /** group → topic → bits. */
  forbiddenTable: mapOf(mapOf(integer)),
  subscriptionGroupTable: mapOf(groupConfig),
})
export const groupConfigTableBody = body('subscription group table', groupConfigTable)
