import { integer, shape, type TypeOf, text } from './schema.ts'

export const messageQueue = shape({ brokerName: text, queueId: integer, topic: text })
export type MessageQueue = TypeOf<typeof messageQueue>
