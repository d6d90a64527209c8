import {
  body,
  flag,
  integer,
  list,
  oneOf,
  orElse,
  roundedInteger,
  shape,
  type TypeOf,
  text,
} from './schema.ts'

/** What a consumer wants of one topic. A larger subVersion replaces a smaller one (protocol §1.9). */
export const subscriptionData = shape({
  topic: text,
  subString: orElse(text, '*'),
  tagsSet: list(text),
  /** Java hash codes of the tags. */
  codeSet: list(integer),
  /** Milliseconds; nanoseconds from Go. */
  subVersion: orElse(roundedInteger, 0),
  /** TAG or SQL92; anything else is TAG to a Java broker. */
  expressionType: orElse(text, 'TAG'),
  classFilterMode: orElse(flag, false),
})
export type SubscriptionData = TypeOf<typeof subscriptionData>

const consumeTypeName = oneOf('CONSUME_ACTIVELY', 'CONSUME_PASSIVELY', 'CONSUME_POP')

/** Some clients write the short text of the POP constant instead of its name. */
export const consumeType: typeof consumeTypeName = {
  ...consumeTypeName,
  decode: (value, path) => consumeTypeName.decode(value === 'POP' ? 'CONSUME_POP' : value, path),
}
/** Ordinals in the order of MessageModel.java. */
export const messageModel = oneOf('BROADCASTING', 'CLUSTERING')
export const consumeFromWhere = oneOf(
  'CONSUME_FROM_LAST_OFFSET',
  'CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST',
  'CONSUME_FROM_MIN_OFFSET',
  'CONSUME_FROM_MAX_OFFSET',
  'CONSUME_FROM_FIRST_OFFSET',
  'CONSUME_FROM_TIMESTAMP',
)
export type ConsumeType = TypeOf<typeof consumeType>
export type MessageModel = TypeOf<typeof messageModel>
export type ConsumeFromWhere = TypeOf<typeof consumeFromWhere>

export const consumerData = shape({
  groupName: text,
  consumeType: orElse(consumeType, 'CONSUME_PASSIVELY'),
  messageModel: orElse(messageModel, 'CLUSTERING'),
  consumeFromWhere: orElse(consumeFromWhere, 'CONSUME_FROM_LAST_OFFSET'),
  subscriptionDataSet: list(subscriptionData),
  unitMode: orElse(flag, false),
})
export type ConsumerData = TypeOf<typeof consumerData>

export const heartbeatData = shape({
  clientID: text,
  producerDataSet: list(shape({ groupName: text })),
  consumerDataSet: list(consumerData),
  /** Not 0: heartbeat v2; `withoutSub` then leaves out the subscriptions the broker knows. */
  heartbeatFingerprint: orElse(integer, 0),
  withoutSub: orElse(flag, false),
})
export type HeartbeatData = TypeOf<typeof heartbeatData>
export const heartbeatBody = body('HeartbeatData', heartbeatData)
