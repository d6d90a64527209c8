/** Bits of the system flag of a record (protocol §4.1). */
export const COMPRESSED = 0x1
export const MULTI_TAGS = 0x2
/** A two-bit field: 0 none, 4 prepared (half message), 8 commit, 12 rollback. */
export const TRANSACTION_MASK = 0xc
export const TRANSACTION_PREPARED = 0x4
export const TRANSACTION_COMMIT = 0x8
export const TRANSACTION_ROLLBACK = 0xc
/** Set by the encoder from the hosts, never taken from a peer. */
export const BORN_HOST_IPV6 = 0x10
export const STORE_HOST_IPV6 = 0x20
/** The record wraps a batch that the client unpacks. */
export const NEED_UNWRAP = 0x40
export const INNER_BATCH = 0x80
/** 0 and 0x300 zlib, 0x100 LZ4 frame, 0x200 zstd. */
export const COMPRESSION_MASK = 0x300
export const COMPRESSION_LZ4 = 0x100
export const COMPRESSION_ZSTD = 0x200
export const COMPRESSION_ZLIB = 0x300

/** What a client may say about its message; transaction bits are judged by the broker apart. */
export const SEND_MASK = COMPRESSED | MULTI_TAGS | COMPRESSION_MASK

/** Prepared and rolled back records have no queue entry of their own. */
export const hasQueueOffset = (sysFlag: number): boolean => {
  const transaction = sysFlag & TRANSACTION_MASK
  return transaction === 0 || transaction === TRANSACTION_COMMIT
}
