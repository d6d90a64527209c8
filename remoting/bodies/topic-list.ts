import { body, list, maybe, shape, type TypeOf, text } from './schema.ts'

/** Answer of 206, 224, 304, 305, 311, 312, 313, 343. */
export const topicList = shape({ topicList: list(text), brokerAddr: maybe(text) })
export type TopicList = TypeOf<typeof topicList>
export const topicListBody = body('TopicList', topicList)
