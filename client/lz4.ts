/**
 * Reads LZ4 frames, as Java producers write them with compressType LZ4 (node:zlib has no LZ4). All numbers little endian:
 *
 *     magic 4 │ flags 1 │ block descriptor 1 │ [content size 8] │ [dictionary id 4] │ header checksum 1
 *     { block size 4 (bit 31: stored as it is) │ data │ [block checksum 4] } …  │ 0 4 │ [content checksum 4]
 *
 * A block is a row of sequences: token (literal length 4 bits, match length 4 bits) │ more literal length … │ literals │
 * match offset 2 │ more match length … Checksums are not verified: the record's own CRC covers the compressed body.
 */
const MAGIC = 0x184d2204
const FLAG_DICTIONARY = 0x01
const FLAG_CONTENT_CHECKSUM = 0x04
const FLAG_CONTENT_SIZE = 0x08
const FLAG_BLOCK_CHECKSUM = 0x10
const BLOCK_STORED = 0x80000000
const MATCH_MIN = 4

export class Lz4Error extends Error {
  override name = 'Lz4Error'
}

/** Throws Lz4Error when the frame is damaged, uses a dictionary, or grows beyond `maxBytes`. */
export function decodeLz4Frame(frame: Buffer, maxBytes: number): Buffer {
  if (frame.length < 7 || frame.readUInt32LE(0) !== MAGIC) throw new Lz4Error('not an LZ4 frame')
  const flags = frame[4] ?? 0
  if (flags & FLAG_DICTIONARY) throw new Lz4Error('LZ4 dictionaries are not supported')
  let at = 6 + (flags & FLAG_CONTENT_SIZE ? 8 : 0) + 1
  const output = new Output(maxBytes)
  for (;;) {
    if (at + 4 > frame.length) throw new Lz4Error('the LZ4 frame ends early')
    const header = frame.readUInt32LE(at)
    at += 4
    if (header === 0) break
    const size = header & ~BLOCK_STORED
    const block = frame.subarray(at, at + size)
    if (block.length !== size) throw new Lz4Error('the LZ4 frame ends within a block')
    if (header & BLOCK_STORED) output.append(block, 0, size)
    else decodeBlock(block, output)
    at += size + (flags & FLAG_BLOCK_CHECKSUM ? 4 : 0)
  }
  if (flags & FLAG_CONTENT_CHECKSUM && at + 4 > frame.length) throw new Lz4Error('the LZ4 frame ends early')
  return output.bytes()
}

function decodeBlock(block: Buffer, output: Output): void {
  let at = 0
  /** A length of 15 goes on with bytes of 255 until a smaller one. */
  const longer = (length: number): number => {
    if (length !== 15) return length
    let sum = length
    for (;;) {
      const byte = block[at++]
      if (byte === undefined) throw new Lz4Error('an LZ4 block ends within a length')
      sum += byte
      if (byte !== 255) return sum
    }
  }
  while (at < block.length) {
    const token = block[at++] ?? 0
    const literals = longer(token >> 4)
    if (at + literals > block.length) throw new Lz4Error('an LZ4 block ends within literals')
    output.append(block, at, at + literals)
    at += literals
    if (at === block.length) return
    if (at + 2 > block.length) throw new Lz4Error('an LZ4 block ends within an offset')
    const distance = block.readUInt16LE(at)
    at += 2
    output.repeat(distance, longer(token & 15) + MATCH_MIN)
  }
}

/** A buffer that grows by doubling up to a limit. */
class Output {
  readonly #maxBytes: number
  #buffer = Buffer.allocUnsafe(16 * 1024)
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  append(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start)
    source.copy(this.#buffer, this.#length, start, end)
    this.#length += end - start
  }

  /** Source and target may overlap: a distance of 1 repeats one byte. */
  repeat(distance: number, count: number): void {
    if (distance === 0 || distance > this.#length) throw new Lz4Error('an LZ4 match lies before the start')
    this.#reserve(count)
    const buffer = this.#buffer
    for (let end = this.#length + count, at = this.#length; at < end; at++)
      buffer[at] = buffer[at - distance] ?? 0
    this.#length += count
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed > this.#maxBytes) throw new Lz4Error(`the content is larger than ${this.#maxBytes} bytes`)
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(needed, this.#buffer.length * 2)))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}
