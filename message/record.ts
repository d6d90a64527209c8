import { assert } from '../base/assert.ts'
import { crc31, crc32 } from '../base/crc32.ts'
import {
  type LogPosition,
  logPosition,
  type QueueOffset,
  queueOffset,
  type Timestamp,
  timestamp,
} from '../base/units.ts'
import { isIpv6Host } from './host.ts'
import type { HostBytes, NewMessage, StoredMessage } from './message.ts'
import { NAME_END, PAIR_END, Property } from './properties.ts'
import { BORN_HOST_IPV6, STORE_HOST_IPV6 } from './sys-flag.ts'

/*
 * A record of the commit log, and of a pull answer. Big endian. B and S are 8 bytes (IPv4 and port) or 20 (IPv6 and port).
 *
 *      0         4         8        12        16        20                  28                  36        40
 *      +---------+---------+---------+---------+---------+-------------------+-------------------+---------+
 *      | size    | magic   | bodyCrc | queueId | flag    | queueOffset       | position          | sysFlag |
 *      +---------+---------+---------+---------+---------+-------------------+-------------------+---------+
 *     40                  48        48+B                56+B     56+B+S      60+B+S              68+B+S
 *      +-------------------+---------+-------------------+---------+---------+-------------------+
 *      | bornTimestamp     | born B  | storeTimestamp    | store S | reconsu.| preparedPosition  |
 *      +-------------------+---------+-------------------+---------+---------+-------------------+
 *      | bodyLen 4 | body … | topicLen 1 (V1) or 2 (V2) | topic … | propertiesLen 2 | properties … |
 *      +-----------+--------+---------------------------+---------+-----------------+--------------+
 *
 * A file ends with a blank: remaining size 4, blank magic 4, the rest undefined.
 */
export const MAGIC_V1 = 0xdaa320a7 | 0
export const MAGIC_V2 = 0xdaa320ab | 0
export const MAGIC_BLANK = 0xcbd43194 | 0

export const BLANK_BYTES = 8
export const BODY_LENGTH_MAX = 0x7fffffff
export const TOPIC_V1_MAX_BYTES = 127
export const TOPIC_V2_MAX_BYTES = 32767
export const PROPERTIES_MAX_BYTES = 32767

const SIZE = 0
const MAGIC = 4
const BODY_CRC = 8
const QUEUE_ID = 12
const FLAG = 16
const QUEUE_OFFSET = 20
const POSITION = 28
const SYS_FLAG = 36
const BORN_TIMESTAMP = 40
const BORN_HOST = 48
const IPV4_HOST = 8
const IPV6_HOST = 20
/** Everything but hosts, body, topic and properties, with a V1 topic length. */
const FIXED_BYTES = 48 + 8 + 4 + 8 + 4 + 1 + 2
/** The shortest record there can be; a slice of this many bytes has all fields up to the store host. */
export const RECORD_MIN_BYTES = FIXED_BYTES + 2 * IPV4_HOST

/** `__CRC32#` 0x01, ten digits, 0x02. */
export const CRC_PROPERTY_BYTES = 20
const CRC_DIGITS = 10

export interface Placement {
  readonly position: LogPosition
  readonly queueOffset: QueueOffset
  readonly storeTimestamp: Timestamp
}

export interface EncodeOptions {
  /** enabledAppendPropCRC: the property block ends with a CRC of all bytes before it. */
  readonly hasCrcProperty?: boolean
}

/** Bytes that encodeRecord will write. */
export function recordSize(message: NewMessage, options?: EncodeOptions): number {
  const topicBytes = Buffer.byteLength(message.topic)
  return (
    FIXED_BYTES +
    message.bornHost.length +
    message.storeHost.length +
    message.body.length +
    (topicBytes > TOPIC_V1_MAX_BYTES ? 1 : 0) +
    topicBytes +
    propertyBytes(message.properties, options)
  )
}

function propertyBytes(properties: string, options: EncodeOptions | undefined): number {
  const bytes = Buffer.byteLength(properties)
  if (options?.hasCrcProperty !== true) return bytes
  return bytes + (needsPairEnd(properties) ? 1 : 0) + CRC_PROPERTY_BYTES
}

const needsPairEnd = (properties: string): boolean => properties !== '' && !properties.endsWith(PAIR_END)

/**
 * Writes a record at `at` and returns its size. The buffer must have recordSize() bytes there; lengths of topic and
 * properties were judged before (PROPERTIES_MAX_BYTES, names.ts).
 */
export function encodeRecord(
  message: NewMessage,
  buffer: Buffer,
  at: number,
  placement: Placement,
  options?: EncodeOptions,
): number {
  const { bornHost, storeHost, body } = message
  let sysFlag = message.sysFlag & ~(BORN_HOST_IPV6 | STORE_HOST_IPV6)
  if (isIpv6Host(bornHost)) sysFlag |= BORN_HOST_IPV6
  if (isIpv6Host(storeHost)) sysFlag |= STORE_HOST_IPV6

  buffer.writeInt32BE(crc31(body), at + BODY_CRC)
  buffer.writeInt32BE(message.queueId, at + QUEUE_ID)
  buffer.writeInt32BE(message.flag, at + FLAG)
  writeLong(buffer, placement.queueOffset, at + QUEUE_OFFSET)
  writeLong(buffer, placement.position, at + POSITION)
  buffer.writeInt32BE(sysFlag, at + SYS_FLAG)
  writeLong(buffer, message.bornTimestamp, at + BORN_TIMESTAMP)
  let end = at + BORN_HOST
  buffer.set(bornHost, end)
  end += bornHost.length
  writeLong(buffer, placement.storeTimestamp, end)
  buffer.set(storeHost, end + 8)
  end += 8 + storeHost.length
  buffer.writeInt32BE(message.reconsumeTimes, end)
  writeLong(buffer, message.preparedTransactionOffset, end + 4)
  buffer.writeInt32BE(body.length, end + 12)
  buffer.set(body, end + 16)
  end = writeTopic(message.topic, buffer, at, end + 16 + body.length)
  end = writeProperties(message.properties, buffer, at, end, options?.hasCrcProperty === true)
  return end - at
}

function writeTopic(topic: string, buffer: Buffer, at: number, start: number): number {
  // The length field is one byte or two, so the text goes where it lands with one and moves on when it is long.
  const bytes = buffer.write(topic, start + 1)
  if (bytes <= TOPIC_V1_MAX_BYTES) {
    buffer.writeInt32BE(MAGIC_V1, at + MAGIC)
    buffer[start] = bytes
    return start + 1 + bytes
  }
  assert(bytes <= TOPIC_V2_MAX_BYTES, `a topic of ${bytes} bytes reached the record encoder`)
  buffer.writeInt32BE(MAGIC_V2, at + MAGIC)
  buffer.writeInt16BE(bytes, start)
  return start + 2 + buffer.write(topic, start + 2)
}

function writeProperties(
  properties: string,
  buffer: Buffer,
  at: number,
  start: number,
  hasCrcProperty: boolean,
): number {
  let bytes = buffer.write(properties, start + 2)
  if (!hasCrcProperty) {
    assert(bytes <= PROPERTIES_MAX_BYTES, `${bytes} bytes of properties reached the record encoder`)
    buffer.writeInt16BE(bytes, start)
    buffer.writeInt32BE(start + 2 + bytes - at, at + SIZE)
    return start + 2 + bytes
  }
  let end = start + 2 + bytes
  if (needsPairEnd(properties)) {
    buffer[end] = 2
    end += 1
  }
  bytes = end + CRC_PROPERTY_BYTES - start - 2
  assert(bytes <= PROPERTIES_MAX_BYTES, `${bytes} bytes of properties reached the record encoder`)
  // The CRC covers the final size and property length.
  buffer.writeInt16BE(bytes, start)
  buffer.writeInt32BE(end + CRC_PROPERTY_BYTES - at, at + SIZE)
  const crc = crc32(buffer.subarray(at, end))
  buffer.write(Property.CRC32 + NAME_END + crcDigits(crc) + PAIR_END, end, 'latin1')
  return end + CRC_PROPERTY_BYTES
}

/** Ten decimal digits, the least significant first. */
const crcDigits = (crc: number): string => [...String(crc).padStart(CRC_DIGITS, '0')].reverse().join('')

// Readers of single fields, for those who have a record and want one thing of it.

export const sizeAt = (buffer: Buffer, at: number): number => buffer.readInt32BE(at + SIZE)
export const magicAt = (buffer: Buffer, at: number): number => buffer.readInt32BE(at + MAGIC)
export const queueIdAt = (buffer: Buffer, at: number): number => buffer.readInt32BE(at + QUEUE_ID)
export const queueOffsetAt = (buffer: Buffer, at: number): QueueOffset =>
  queueOffset(readLong(buffer, at + QUEUE_OFFSET))
export const positionAt = (buffer: Buffer, at: number): LogPosition =>
  logPosition(readLong(buffer, at + POSITION))
export const sysFlagAt = (buffer: Buffer, at: number): number => buffer.readInt32BE(at + SYS_FLAG)

const bornHostBytes = (sysFlag: number): number => ((sysFlag & BORN_HOST_IPV6) === 0 ? IPV4_HOST : IPV6_HOST)
const storeHostBytes = (sysFlag: number): number =>
  (sysFlag & STORE_HOST_IPV6) === 0 ? IPV4_HOST : IPV6_HOST

export const storeTimestampAt = (buffer: Buffer, at: number): Timestamp =>
  timestamp(readLong(buffer, at + BORN_HOST + bornHostBytes(sysFlagAt(buffer, at))))

/** Where the body length stands. */
function bodyLengthAt(buffer: Buffer, at: number): number {
  const sysFlag = sysFlagAt(buffer, at)
  return at + BORN_HOST + bornHostBytes(sysFlag) + 8 + storeHostBytes(sysFlag) + 12
}

/** Where the topic length stands. */
function topicLengthAt(buffer: Buffer, at: number): number {
  const length = bodyLengthAt(buffer, at)
  return length + 4 + buffer.readInt32BE(length)
}

export const bodyAt = (buffer: Buffer, at: number): Buffer => {
  const length = bodyLengthAt(buffer, at)
  return buffer.subarray(length + 4, length + 4 + buffer.readInt32BE(length))
}

export function topicAt(buffer: Buffer, at: number): string {
  const length = topicLengthAt(buffer, at)
  if (magicAt(buffer, at) === MAGIC_V2)
    return buffer.toString('utf8', length + 2, length + 2 + buffer.readInt16BE(length))
  return buffer.toString('utf8', length + 1, length + 1 + (buffer[length] ?? 0))
}

/** Where the property length stands. */
function propertiesLengthAt(buffer: Buffer, at: number): number {
  const length = topicLengthAt(buffer, at)
  return magicAt(buffer, at) === MAGIC_V2
    ? length + 2 + buffer.readInt16BE(length)
    : length + 1 + (buffer[length] ?? 0)
}

export function propertiesAt(buffer: Buffer, at: number): string {
  const length = propertiesLengthAt(buffer, at)
  return buffer.toString('utf8', length + 2, length + 2 + buffer.readInt16BE(length))
}

/** Decodes a record that is known to be whole: one of our own log after verifyRecord, or of a pull answer after splitRecords. */
export function decodeRecord(buffer: Buffer, at: number): StoredMessage {
  const sysFlag = sysFlagAt(buffer, at)
  const storeTimestampAtByte = at + BORN_HOST + bornHostBytes(sysFlag)
  const storeHostEnd = storeTimestampAtByte + 8 + storeHostBytes(sysFlag)
  return {
    sizeBytes: sizeAt(buffer, at),
    bodyCrc: buffer.readInt32BE(at + BODY_CRC),
    queueId: queueIdAt(buffer, at),
    flag: buffer.readInt32BE(at + FLAG),
    queueOffset: queueOffsetAt(buffer, at),
    position: positionAt(buffer, at),
    sysFlag,
    bornTimestamp: timestamp(readLong(buffer, at + BORN_TIMESTAMP)),
    bornHost: hostAt(buffer, at + BORN_HOST, storeTimestampAtByte),
    storeTimestamp: timestamp(readLong(buffer, storeTimestampAtByte)),
    storeHost: hostAt(buffer, storeTimestampAtByte + 8, storeHostEnd),
    reconsumeTimes: buffer.readInt32BE(storeHostEnd),
    preparedTransactionOffset: logPosition(readLong(buffer, storeHostEnd + 4)),
    body: bodyAt(buffer, at),
    topic: topicAt(buffer, at),
    properties: propertiesAt(buffer, at),
  }
}

const hostAt = (buffer: Buffer, start: number, end: number): HostBytes => buffer.subarray(start, end)

/** What stands at a place of the log. `incomplete`: more bytes are needed to tell, as far as the size field goes. */
export type RecordCheck =
  | { readonly kind: 'record'; readonly sizeBytes: number }
  | { readonly kind: 'blank'; readonly sizeBytes: number }
  | { readonly kind: 'incomplete'; readonly neededBytes: number }
  | { readonly kind: 'bad'; readonly reason: string }

export interface VerifyOptions {
  /** Default true. */
  readonly isBodyChecked?: boolean
  /**
   * Also check a CRC property where there is one. Default false: whether the property is ours or a client's own text cannot be
   * told in logs that were written without it.
   */
  readonly isCrcPropertyChecked?: boolean
  readonly maxSizeBytes?: number
}

/**
 * Judges [at, end) without trusting any of it: magic, sizes, inner lengths, CRCs. Total: every byte string gives an
 * answer. A size of 0 with a magic of 0 is unwritten space and `bad`.
 */
export function verifyRecord(
  buffer: Buffer,
  at: number,
  end: number,
  options: VerifyOptions = {},
): RecordCheck {
  if (end - at < BLANK_BYTES) return { kind: 'incomplete', neededBytes: BLANK_BYTES }
  const sizeBytes = sizeAt(buffer, at)
  const magic = magicAt(buffer, at)
  if (magic === MAGIC_BLANK) {
    if (sizeBytes < BLANK_BYTES) return bad(`blank of ${sizeBytes} bytes`)
    return { kind: 'blank', sizeBytes }
  }
  if (magic !== MAGIC_V1 && magic !== MAGIC_V2) return bad(`magic 0x${(magic >>> 0).toString(16)}`)
  if (sizeBytes < RECORD_MIN_BYTES) return bad(`record of ${sizeBytes} bytes`)
  if (sizeBytes > (options.maxSizeBytes ?? BODY_LENGTH_MAX)) return bad(`record of ${sizeBytes} bytes`)
  if (end - at < sizeBytes) return { kind: 'incomplete', neededBytes: sizeBytes }
  const reason = innerProblem(buffer, at, sizeBytes, options)
  return reason === undefined ? { kind: 'record', sizeBytes } : bad(reason)
}

const bad = (reason: string): RecordCheck => ({ kind: 'bad', reason })

function innerProblem(
  buffer: Buffer,
  at: number,
  sizeBytes: number,
  options: VerifyOptions,
): string | undefined {
  const end = at + sizeBytes
  const isV2 = magicAt(buffer, at) === MAGIC_V2
  const bodyLength = bodyLengthAt(buffer, at)
  if (bodyLength + 4 > end) return 'hosts reach beyond the record'
  const bodyBytes = buffer.readInt32BE(bodyLength)
  const topicLength = bodyLength + 4 + bodyBytes
  if (bodyBytes < 0 || topicLength + (isV2 ? 2 : 1) > end) return `body of ${bodyBytes} bytes`
  const topicBytes = isV2 ? buffer.readInt16BE(topicLength) : buffer.readInt8(topicLength)
  const propertiesLength = topicLength + (isV2 ? 2 : 1) + topicBytes
  if (topicBytes < 0 || propertiesLength + 2 > end) return `topic of ${topicBytes} bytes`
  const propertiesBytes = buffer.readInt16BE(propertiesLength)
  if (propertiesBytes < 0 || propertiesLength + 2 + propertiesBytes !== end)
    return `properties of ${propertiesBytes} bytes do not end the record`
  if (
    options.isBodyChecked !== false &&
    crc31(buffer.subarray(bodyLength + 4, topicLength)) !== buffer.readInt32BE(at + BODY_CRC)
  )
    return 'body CRC differs'
  return options.isCrcPropertyChecked === true
    ? crcPropertyProblem(buffer, at, end, propertiesBytes)
    : undefined
}

function crcPropertyProblem(
  buffer: Buffer,
  at: number,
  end: number,
  propertiesBytes: number,
): string | undefined {
  if (propertiesBytes < CRC_PROPERTY_BYTES) return undefined
  const start = end - CRC_PROPERTY_BYTES
  // The first byte decides nearly always: '_' of the name.
  if (buffer[start] !== 0x5f) return undefined
  const text = buffer.toString('latin1', start, end)
  if (!text.startsWith(Property.CRC32 + NAME_END) || !text.endsWith(PAIR_END)) return undefined
  const isAfterPair = propertiesBytes === CRC_PROPERTY_BYTES || buffer[start - 1] === 2
  if (!isAfterPair) return undefined
  const digits = text.slice(9, 9 + CRC_DIGITS)
  return digits === crcDigits(crc32(buffer.subarray(at, start))) ? undefined : 'record CRC differs'
}

/** Writes the 8 bytes that end a file. */
export function encodeBlank(buffer: Buffer, at: number, sizeBytes: number): void {
  buffer.writeInt32BE(sizeBytes, at)
  buffer.writeInt32BE(MAGIC_BLANK, at + MAGIC)
}

/** The messages of a pull, query or view answer. Throws RangeError when the bytes are no records. */
export function decodeRecords(body: Buffer): StoredMessage[] {
  const messages: StoredMessage[] = []
  let at = 0
  while (at < body.length) {
    const check = verifyRecord(body, at, body.length, { isBodyChecked: false })
    if (check.kind !== 'record') throw new RangeError(`no record at byte ${at} of an answer: ${check.kind}`)
    messages.push(decodeRecord(body, at))
    at += check.sizeBytes
  }
  return messages
}

const TWO_TO_32 = 2 ** 32

export function writeLong(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / TWO_TO_32) | 0, at)
  buffer.writeUInt32BE(value >>> 0, at + 4)
}

/** Not exact beyond ±2^53: whoever reads bytes that are not our own checks Number.isSafeInteger. */
export const readLong = (buffer: Buffer, at: number): number =>
  buffer.readInt32BE(at) * TWO_TO_32 + buffer.readUInt32BE(at + 4)
