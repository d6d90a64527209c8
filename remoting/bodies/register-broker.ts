import { body, list, shape, type TypeOf, text } from './schema.ts'
import { topicConfigWrapper } from './topic-config.ts'

/** Body of 103 (protocol §5.5). Header `bodyCrc32` is its CRC & 0x7FFFFFFF, 0 for not checked. */
export const registerBrokerData = shape({
  topicConfigSerializeWrapper: topicConfigWrapper,
  filterServerList: list(text),
})
export type RegisterBrokerData = TypeOf<typeof registerBrokerData>
export const registerBrokerBody = body('RegisterBrokerBody', registerBrokerData)
