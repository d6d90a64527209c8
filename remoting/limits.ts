/** What one peer can make us hold or wait for. Tests use smaller figures; the defaults are for a broker's open port. */
export interface RemotingLimits {
  /** Largest frame with its length field; RocketMQ's own limit. */
  readonly frameBytesMax: number
  /** A frame must be complete within this time of its first byte. */
  readonly frameTimeoutMs: number
  /** A connection without bytes in either direction is closed after this; RocketMQ's serverChannelMaxIdleTimeSeconds. */
  readonly idleTimeoutMs: number
  /** Requests of one connection under way before it is not read any more. */
  readonly inFlightMax: number
  /** The same for requests that merely wait, as long polls do; a client has one for each of its queues. */
  readonly waitingMax: number
  /** Calls of ours to one peer without an answer yet. */
  readonly callsMax: number
  /** Unsent bytes above which a connection is not read any more, and below which it is again. */
  readonly unsentHighBytes: number
  readonly unsentLowBytes: number
  /** A peer that takes none of a write for this long is closed. */
  readonly stuckTimeoutMs: number
  /** Bytes held for all connections of a server, unsent ones included; above it the largest holders are closed. */
  readonly heldBytesMax: number
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: number
}

export const DEFAULT_LIMITS: RemotingLimits = {
  frameBytesMax: 16_777_216,
  frameTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  inFlightMax: 1024,
  waitingMax: 16_384,
  callsMax: 65_536,
  unsentHighBytes: 4 * 1024 * 1024,
  unsentLowBytes: 1024 * 1024,
  stuckTimeoutMs: 60_000,
  heldBytesMax: 256 * 1024 * 1024,
  connectionsMax: 16_384,
  connectionsPerAddressMax: 4096,
}

/** Fixed by what a header is, so not to be configured. */
export const HEADER_BYTES_MAX = 64 * 1024
export const EXT_FIELDS_MAX = 1024
export const HEADER_DEPTH_MAX = 4
/** Characters of a remark of ours. Whoever puts what a peer said into one need not measure it: the header stays within its limit. */
export const REMARK_LENGTH_MAX = 4096
