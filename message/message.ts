import type { LogPosition, QueueOffset, Timestamp } from '../base/units.ts'

/**
 * A host as a record carries it: 4 (IPv4) or 16 (IPv6) address bytes followed by the port as int32, big endian.
 * The length (8 or 20) tells the family. Connections make theirs once.
 */
export type HostBytes = Uint8Array

/** A message on its way into the log. The store assigns position, queue offset and store timestamp. */
export interface NewMessage {
  readonly topic: string
  readonly queueId: number
  /** The user's flag, untouched. */
  readonly flag: number
  /** See sys-flag.ts. The two host-family bits are set by the encoder from the hosts below. */
  readonly sysFlag: number
  readonly bornTimestamp: Timestamp
  readonly bornHost: HostBytes
  readonly storeHost: HostBytes
  readonly reconsumeTimes: number
  /** Log position of the half message in a committed message, else 0. */
  readonly preparedTransactionOffset: LogPosition
  /** As sent, maybe compressed. */
  readonly body: Uint8Array
  /** `name 0x01 value 0x02 …`, see properties.ts. */
  readonly properties: string
}

/** A message as read back from a record. `properties` stays encoded until somebody asks. */
export interface StoredMessage extends NewMessage {
  readonly position: LogPosition
  readonly queueOffset: QueueOffset
  readonly storeTimestamp: Timestamp
  readonly sizeBytes: number
  /** CRC-32 of the stored body & 0x7FFFFFFF, as written. */
  readonly bodyCrc: number
}
