import { type LogPosition, logPosition, queueOffset, type Timestamp, timestamp } from '../base/units.ts'
import type { NewMessage } from '../message/message.ts'
import { CHANGE_TOPIC } from '../message/names.ts'
import { bodyAt, encodeRecord, recordSize, sizeAt, sysFlagAt, topicAt } from '../message/record.ts'
import { TRANSACTION_ROLLBACK } from '../message/sys-flag.ts'

/*
 * A seal ends what one write puts into the log. It is a record like any other,
 *
 *     topic RMQ_SYS_ROCKETCLUSTER, queue 0, flag "SEAL", sysFlag rollback, body = rolling CRC-32 (4 bytes, big endian)
 *
 * and as a rolled back message it gets no queue entry and no index entry, from us or from a Java broker. The rolling CRC covers
 * all bytes of the log before the seal, earlier seals and the 8 bytes of blanks included, counted from some earlier seal
 * (the state file knows one). Records carry a CRC of their body only; a seal vouches for every byte. After a crash the log
 * ends with the last seal that fits: what stands behind it was never acknowledged.
 */
const FLAG = 0x5345414c
const BODY_BYTES = 4

const body = Buffer.alloc(BODY_BYTES)
const NO_HOST = Buffer.alloc(8)

const message: NewMessage = {
  topic: CHANGE_TOPIC,
  queueId: 0,
  flag: FLAG,
  sysFlag: TRANSACTION_ROLLBACK,
  bornTimestamp: timestamp(0),
  bornHost: NO_HOST,
  storeHost: NO_HOST,
  reconsumeTimes: 0,
  preparedTransactionOffset: logPosition(0),
  body,
  properties: '',
}

export const SEAL_BYTES = recordSize(message)

export function encodeSeal(
  buffer: Buffer,
  at: number,
  position: LogPosition,
  rolling: number,
  storeTimestamp: Timestamp,
): void {
  body.writeUInt32BE(rolling)
  encodeRecord(message, buffer, at, { position, queueOffset: queueOffset(0), storeTimestamp })
}

/** The rolling CRC in the seal that stands here; undefined for any other record. */
export function sealAt(buffer: Buffer, at: number): number | undefined {
  if (sizeAt(buffer, at) !== SEAL_BYTES || sysFlagAt(buffer, at) !== TRANSACTION_ROLLBACK) return undefined
  if (buffer.readInt32BE(at + 16) !== FLAG || topicAt(buffer, at) !== CHANGE_TOPIC) return undefined
  return bodyAt(buffer, at).readUInt32BE(0)
}
