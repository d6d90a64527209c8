/**
 * Version numbers of headers (protocol §1.5): positions in RocketMQ's enum MQVersion.Version. Only those that some rule
 * compares with stand here.
 */

/** V5_3_3, what we answer with. */
export const OUR_VERSION = 479

/** V3_0_11: a registration body carries topics and filter servers. */
export const VERSION_REGISTER_BODY = 37
/** V3_4_9: maxReconsumeTimes of a request counts. */
export const VERSION_MAX_RECONSUME = 121
/** V4_9_4: reads routes in standard JSON without asking. */
export const VERSION_STANDARD_JSON = 401
/** V5_0_0: a registration body carries queue mappings. */
export const VERSION_QUEUE_MAPPING = 413
/** V5_3_1: later versions understand GO_AWAY. */
export const VERSION_GO_AWAY_ABOVE = 475

const RELEASES: ReadonlyMap<number, string> = new Map([
  [37, 'V3_0_11'],
  [121, 'V3_4_9'],
  [213, 'V4_0_0'],
  [233, 'V4_1_0'],
  [253, 'V4_2_0'],
  [273, 'V4_3_0'],
  [293, 'V4_4_0'],
  [313, 'V4_5_0'],
  [317, 'V4_5_2'],
  [333, 'V4_6_0'],
  [355, 'V4_7_1'],
  [373, 'V4_8_0'],
  [393, 'V4_9_0'],
  [399, 'V4_9_3'],
  [401, 'V4_9_4'],
  [407, 'V4_9_7'],
  [409, 'V4_9_8'],
  [413, 'V5_0_0'],
  [433, 'V5_1_0'],
  [441, 'V5_1_4'],
  [453, 'V5_2_0'],
  [473, 'V5_3_0'],
  [475, 'V5_3_1'],
  [477, 'V5_3_2'],
  [479, 'V5_3_3'],
  [493, 'V5_4_0'],
  [513, 'V5_5_0'],
])

/** The release of a version number, or the number itself. */
export const versionName = (version: number): string => RELEASES.get(version) ?? String(version)
