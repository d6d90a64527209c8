import { type DataVersion, dataVersion } from './data-version.ts'
import {
  anything,
  body,
  flag,
  integer,
  list,
  mapOf,
  maybe,
  oneOf,
  orElse,
  shape,
  type TypeOf,
  text,
} from './schema.ts'

/** Defaults are those of TopicConfig.java. `perm`: inherit 1, write 2, read 4, priority 8. */
export const topicConfig = shape({
  topicName: text,
  readQueueNums: orElse(integer, 16),
  writeQueueNums: orElse(integer, 16),
  perm: orElse(integer, 6),
  topicFilterType: orElse(oneOf('SINGLE_TAG', 'MULTI_TAG'), 'SINGLE_TAG'),
  /** unit 1, unit-sub 2. */
  topicSysFlag: orElse(integer, 0),
  order: orElse(flag, false),
  attributes: mapOf(text),
})
export type TopicConfig = TypeOf<typeof topicConfig>

/** Body of 351's answer: the config, and the mapping of static topics, which we do not have. */
export const topicConfigBody = body('TopicConfig', topicConfig)

/** topics.json: `{"topicConfigTable":{…},"dataVersion":{…}}`. */
export const topicConfigTable = shape({
  dataVersion: orElse(dataVersion, { counter: 0, stateVersion: 0, timestamp: 0 } satisfies DataVersion),
  topicConfigTable: mapOf(topicConfig),
})
export const topicConfigTableBody = body('topics table', topicConfigTable)

/** Answer of 21 and part of 103: the table and the mappings of static topics. */
export const topicConfigWrapper = shape({
  dataVersion: orElse(dataVersion, { counter: 0, stateVersion: 0, timestamp: 0 } satisfies DataVersion),
  mappingDataVersion: maybe(dataVersion),
  topicConfigTable: mapOf(topicConfig),
  topicQueueMappingDetailMap: mapOf(anything),
  topicQueueMappingInfoMap: mapOf(anything),
})
export const topicConfigWrapperBody = body('TopicConfigAndMappingSerializeWrapper', topicConfigWrapper)

/** Body of 18. */
export const topicConfigListBody = body(
  'CreateTopicListRequestBody',
  shape({ topicConfigList: list(topicConfig) }),
)
