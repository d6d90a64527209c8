import type { Random } from '../base/clock.ts'
import { type LogPosition, logPosition, type Timestamp } from '../base/units.ts'
import type { HostBytes } from './message.ts'
import { readLong } from './record.ts'

/*
 * The offset message id: where a record is. Upper-case hexadecimal of
 *
 *      store host ip 4 or 16 | port 4 | log position 8        → 32 or 56 digits
 */
const POSITION_DIGITS = 16

/** Makes the offset ids of one store host: its part of the text is made once. */
export function offsetIdMaker(storeHost: HostBytes): (position: LogPosition) => string {
  const prefix = Buffer.from(storeHost).toString('hex').toUpperCase()
  return (position) => prefix + position.toString(16).toUpperCase().padStart(POSITION_DIGITS, '0')
}

export const offsetMessageId = (storeHost: HostBytes, position: LogPosition): string =>
  offsetIdMaker(storeHost)(position)

export interface OffsetId {
  readonly storeHost: HostBytes
  readonly position: LogPosition
}

/** Undefined when the text is no offset id of either family, or its position no safe integer. */
export function parseOffsetMessageId(id: string): OffsetId | undefined {
  if ((id.length !== 32 && id.length !== 56) || !/^[0-9a-fA-F]+$/.test(id)) return undefined
  const bytes = Buffer.from(id, 'hex')
  const position = readLong(bytes, bytes.length - 8)
  if (!Number.isSafeInteger(position) || position < 0) return undefined
  return { storeHost: bytes.subarray(0, bytes.length - 8), position: logPosition(position) }
}

/*
 * The unique key that a client gives to its message. Upper-case hexadecimal of
 *
 *      ip 4 or 16 | pid 2 | salt 4 | milliseconds since the first of the month 4 | counter 2     → 32 or 56 digits
 *
 * Java calls the salt the class loader's hash; it tells processes with equal addresses and pids apart.
 */
export interface UniqueKeySource {
  /** Address bytes without a port, 4 or 16. */
  readonly ip: Uint8Array
  readonly pid: number
  readonly random: Random
  now(): Timestamp
}

export function uniqueKeyMaker(source: UniqueKeySource): () => string {
  const fixed = Buffer.alloc(source.ip.length + 6)
  fixed.set(source.ip)
  fixed.writeUInt16BE(source.pid & 0xffff, source.ip.length)
  fixed.writeUInt32BE(Math.floor(source.random() * 2 ** 32), source.ip.length + 2)
  const prefix = fixed.toString('hex').toUpperCase()
  let monthStart = 0
  let monthEnd = 0
  let counter = Math.floor(source.random() * 0x10000)
  return () => {
    const now = source.now()
    if (now >= monthEnd || now < monthStart) {
      const date = new Date(now)
      monthStart = new Date(date.getFullYear(), date.getMonth(), 1).getTime()
      monthEnd = new Date(date.getFullYear(), date.getMonth() + 1, 1).getTime()
    }
    counter = (counter + 1) & 0xffff
    return prefix + hex(now - monthStart, 8) + hex(counter, 4)
  }
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0')
