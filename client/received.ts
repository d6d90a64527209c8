import { inflateSync, zstdDecompressSync } from 'node:zlib'
import type { StoredMessage } from '../message/message.ts'
import { offsetMessageId } from '../message/message-id.ts'
import { isRetryTopic } from '../message/names.ts'
import { decodeProperties, Property } from '../message/properties.ts'
import { decodeRecord, sizeAt, verifyRecord } from '../message/record.ts'
import { COMPRESSED, COMPRESSION_LZ4, COMPRESSION_MASK, COMPRESSION_ZSTD } from '../message/sys-flag.ts'
import { decodeLz4Frame } from './lz4.ts'
import type { MessageQueue, ReceivedMessage } from './message.ts'

/** A body inflates to at most this: a bomb in a topic must not take the consumer down with it. */
const INFLATED_BYTES_MAX = 64 * 1024 * 1024

/** The messages of a pull answer: records back to back. A record that cannot be read rejects the whole answer. */
export function decodeMessages(body: Buffer, queue: MessageQueue): ReceivedMessage[] {
  const messages: ReceivedMessage[] = []
  for (let offset = 0; offset < body.length; ) {
    const check = verifyRecord(body, offset, body.length)
    if (check.kind !== 'record')
      throw new Error(`pull answer: no whole record at byte ${offset} of ${body.length}`)
    messages.push(receivedOf(decodeRecord(body, offset), queue))
    offset += sizeAt(body, offset)
  }
  return messages
}

/** A stored message as the user sees it: body inflated, a retried message under its original topic. */
export function receivedOf(stored: StoredMessage, queue: MessageQueue): ReceivedMessage {
  const properties: Readonly<Record<string, string>> = Object.fromEntries(decodeProperties(stored.properties))
  const offsetId = offsetMessageId(stored.storeHost, stored.position)
  const retryTopic = properties[Property.RETRY_TOPIC]
  const { body, bodyProblem } = bodyOf(stored)
  return {
    topic: retryTopic !== undefined && isRetryTopic(stored.topic) ? retryTopic : stored.topic,
    queue: { ...queue, queueId: stored.queueId },
    queueOffset: stored.queueOffset,
    messageId: properties[Property.UNIQUE_KEY] ?? offsetId,
    offsetMessageId: offsetId,
    body,
    bodyProblem,
    tags: properties[Property.TAGS],
    keys: properties[Property.KEYS]?.split(' ').filter((key) => key !== '') ?? [],
    properties,
    flag: stored.flag,
    reconsumeTimes: stored.reconsumeTimes,
    bornTimestamp: stored.bornTimestamp,
    storeTimestamp: stored.storeTimestamp,
    logPosition: stored.position,
  }
}

/** One poisoned body must not stop its queue: it is handed over as it is stored, with the reason. */
function bodyOf(stored: StoredMessage): Pick<ReceivedMessage, 'body' | 'bodyProblem'> {
  const body = Buffer.from(stored.body.buffer, stored.body.byteOffset, stored.body.byteLength)
  if (!(stored.sysFlag & COMPRESSED)) return { body, bodyProblem: undefined }
  try {
    return { body: inflate(body, stored.sysFlag & COMPRESSION_MASK), bodyProblem: undefined }
  } catch (error) {
    return { body, bodyProblem: error instanceof Error ? error.message : String(error) }
  }
}

function inflate(body: Buffer, compression: number): Buffer {
  const limit = { maxOutputLength: INFLATED_BYTES_MAX }
  switch (compression) {
    case COMPRESSION_ZSTD:
      return zstdDecompressSync(body, limit)
    case COMPRESSION_LZ4:
      return decodeLz4Frame(body, INFLATED_BYTES_MAX)
    default:
      return inflateSync(body, limit)
  }
}
