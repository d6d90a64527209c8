import { type MessageQueue, messageQueue } from './message-queue.ts'
import { body, integer, list, objectKeyMap, type Shape, shape, text } from './schema.ts'

type Offsets = readonly (readonly [MessageQueue, number])[]

const byKey: Shape<Offsets> = objectKeyMap(messageQueue, integer)
const entry = shape({ brokerName: text, queueId: integer, topic: text, offset: integer })
const byList = list(entry)

/** A map with object keys; C++ clients send and read a list of queues with their offset in it. */
const offsetTable: Shape<Offsets> = {
  absent: { value: [] },
  decode: (value, path) =>
    Array.isArray(value)
      ? byList
          .decode(value, path)
          .map(({ brokerName, queueId, topic, offset }) => [{ brokerName, queueId, topic }, offset] as const)
      : byKey.decode(value, path),
  encode: byKey.encode,
}

/** Body of 220 and answer of 222. */
export const resetOffsetBody = body('ResetOffsetBody', shape({ offsetTable }))

/** The same for C++ clients. */
export const resetOffsetListBody = body('ResetOffsetBodyForC', shape({ offsetTable: byList }))
