import { crc32 as zlibCrc32 } from 'node:zlib'

/** CRC-32 (IEEE) as an unsigned number. `seed` is the CRC of the bytes before. */
export const crc32 = (bytes: Uint8Array, seed = 0): number => zlibCrc32(bytes, seed)

/** CRC-32 with the top bit cleared: what records and bodies carry (UtilAll.crc32 of RocketMQ). */
export const crc31 = (bytes: Uint8Array): number => zlibCrc32(bytes) & 0x7fffffff
