import type { NewMessage } from './message.ts'
import { PROPERTIES_MAX_BYTES } from './record.ts'

/*
 * Body of a batch send (code 320), repeated to the end. Big endian.
 *
 *      0         4         8        12        16        20
 *      +---------+---------+---------+---------+---------+--------+-----------------+--------------+
 *      | size    | magic 0 | crc 0   | flag    | bodyLen | body … | propertiesLen 2 | properties … |
 *      +---------+---------+---------+---------+---------+--------+-----------------+--------------+
 */
const HEAD_BYTES = 20
const BATCH_MIN_BYTES = HEAD_BYTES + 2
export const BATCH_COUNT_MAX = 1024

export type InnerMessage = Pick<NewMessage, 'flag' | 'body' | 'properties'>

/** The batch is not one; the text says where and what is allowed. */
export class BatchError extends Error {
  override name = 'BatchError'
}

/**
 * Checks the whole body before it returns anything: all or nothing. The bodies are views. `bodyMaxBytes` bounds each
 * inner body. Throws BatchError.
 */
export function decodeBatch(
  batch: Buffer,
  limits: { readonly bodyMaxBytes: number; readonly countMax?: number },
): readonly InnerMessage[] {
  const countMax = limits.countMax ?? BATCH_COUNT_MAX
  const messages: InnerMessage[] = []
  let at = 0
  while (at < batch.length) {
    if (messages.length === countMax) throw new BatchError(`batch of more than ${countMax} messages`)
    at = decodeInner(batch, at, messages, limits.bodyMaxBytes)
  }
  if (messages.length === 0) throw new BatchError('batch without messages')
  return messages
}

function decodeInner(batch: Buffer, at: number, messages: InnerMessage[], bodyMaxBytes: number): number {
  const wrong = (what: string): BatchError =>
    new BatchError(`message ${messages.length} of the batch: ${what}`)
  const left = batch.length - at
  if (left < BATCH_MIN_BYTES) throw wrong(`${left} bytes left, at least ${BATCH_MIN_BYTES} needed`)
  const size = batch.readInt32BE(at)
  if (size < BATCH_MIN_BYTES || size > left)
    throw wrong(`size ${size}, allowed are ${BATCH_MIN_BYTES} to ${left}`)
  const bodyBytes = batch.readInt32BE(at + 16)
  if (bodyBytes < 0 || bodyBytes > size - BATCH_MIN_BYTES)
    throw wrong(`body of ${bodyBytes} bytes in a size of ${size}`)
  if (bodyBytes > bodyMaxBytes) throw wrong(`body of ${bodyBytes} bytes, at most ${bodyMaxBytes} are allowed`)
  const propertiesAt = at + HEAD_BYTES + bodyBytes
  const propertiesBytes = batch.readInt16BE(propertiesAt)
  // A negative length fails here, too: the body left at least these two bytes.
  if (propertiesAt + 2 + propertiesBytes !== at + size)
    throw wrong(`properties of ${propertiesBytes} bytes do not end it`)
  messages.push({
    flag: batch.readInt32BE(at + 12),
    body: batch.subarray(at + HEAD_BYTES, propertiesAt),
    properties: batch.toString('utf8', propertiesAt + 2, at + size),
  })
  return at + size
}

/** For the client. Throws BatchError when properties are too long. */
export function encodeBatch(messages: readonly InnerMessage[]): Buffer {
  let size = 0
  for (const { body, properties } of messages) {
    const propertiesBytes = Buffer.byteLength(properties)
    if (propertiesBytes > PROPERTIES_MAX_BYTES)
      throw new BatchError(
        `${propertiesBytes} bytes of properties, at most ${PROPERTIES_MAX_BYTES} are allowed`,
      )
    size += BATCH_MIN_BYTES + body.length + propertiesBytes
  }
  const batch = Buffer.alloc(size)
  let at = 0
  for (const { flag, body, properties } of messages) {
    batch.writeInt32BE(flag, at + 12)
    batch.writeInt32BE(body.length, at + 16)
    batch.set(body, at + HEAD_BYTES)
    const propertiesAt = at + HEAD_BYTES + body.length
    const propertiesBytes = batch.write(properties, propertiesAt + 2)
    batch.writeInt16BE(propertiesBytes, propertiesAt)
    const end = propertiesAt + 2 + propertiesBytes
    batch.writeInt32BE(end - at, at)
    at = end
  }
  return batch
}
