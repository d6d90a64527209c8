import {
  binaryHeader,
  HEADER_BINARY,
  HEADER_JSON,
  type HeaderFrame,
  jsonHeader,
  writeFrameHead,
} from './command.ts'
import { FRAME_HEAD_BYTES } from './frame.ts'

/** A buffer that is filled once from front to back and then left to whoever holds views of it. */
interface Slab {
  buffer: Buffer
  used: number
}

const SLAB_BYTES = 64 * 1024
/** Body parts up to this are copied behind their header: cheaper than one more entry of a writev. */
const COPY_MAX_BYTES = 4096
/** No character of a header takes more than three bytes of UTF-8 for one unit of UTF-16. */
const BYTES_PER_UNIT = 3

const newSlab = (): Slab => ({ buffer: Buffer.allocUnsafeSlow(SLAB_BYTES), used: 0 })

/** Shared by all connections that are not backed up. */
const sharedSlab = newSlab()

/**
 * The frames of one connection that wait to be written. Small ones go back to back into a slab, so that the output of one
 * turn of the event loop is mostly a single buffer; large bodies are passed on as the views they are, and neighbouring
 * views become one.
 */
export class Outbox {
  /** Bytes that were added and not taken yet. */
  bytes = 0
  #slab = sharedSlab
  #parts: Buffer[] = []
  /** The part under way: [#openStart, #openEnd) of #open. */
  #open: Buffer | undefined
  #openStart = 0
  #openEnd = 0

  /**
   * While a connection is backed up, its bytes stay here for long: they then go into slabs of its own, lest a few of them hold
   * the slabs of all others in memory.
   */
  usePrivateSlab(isPrivate: boolean): void {
    if (isPrivate === (this.#slab !== sharedSlab)) return
    this.#closePart()
    this.#slab = isPrivate ? newSlab() : sharedSlab
  }

  addFrame(
    form: typeof HEADER_JSON | typeof HEADER_BINARY,
    head: HeaderFrame,
    extJson: string,
    ext: Readonly<Record<string, string>> | undefined,
    body: Uint8Array | readonly Uint8Array[] | undefined,
  ): void {
    const bodyBytes = sizeOf(body)
    if (form === HEADER_JSON) this.#addJson(jsonHeader(head, extJson), bodyBytes)
    else this.#addBinary(binaryHeader(head, ext ?? {}), bodyBytes)
    if (body === undefined) return
    if (body instanceof Uint8Array) this.#addBytes(body)
    else this.#addAll(body)
  }

  #addJson(header: string, bodyBytes: number): void {
    const slab = this.#room(FRAME_HEAD_BYTES + header.length * BYTES_PER_UNIT)
    const headerBytes = slab.buffer.write(header, slab.used + FRAME_HEAD_BYTES)
    writeFrameHead(slab.buffer, slab.used, HEADER_JSON, headerBytes, bodyBytes)
    this.#took(slab, FRAME_HEAD_BYTES + headerBytes)
  }

  #addBinary(header: Buffer, bodyBytes: number): void {
    const slab = this.#room(FRAME_HEAD_BYTES + header.length)
    writeFrameHead(slab.buffer, slab.used, HEADER_BINARY, header.length, bodyBytes)
    header.copy(slab.buffer, slab.used + FRAME_HEAD_BYTES)
    this.#took(slab, FRAME_HEAD_BYTES + header.length)
  }

  /** Records that follow each other in the log often follow each other in memory, too. */
  #addAll(parts: readonly Uint8Array[]): void {
    let first: Uint8Array | undefined
    let length = 0
    for (const part of parts) {
      if (
        first !== undefined &&
        part.buffer === first.buffer &&
        part.byteOffset === first.byteOffset + length
      ) {
        length += part.length
        continue
      }
      if (first !== undefined) this.#addBytes(stretch(first, length))
      first = part
      length = part.length
    }
    if (first !== undefined) this.#addBytes(stretch(first, length))
  }

  #addBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (bytes.length <= COPY_MAX_BYTES) {
      const slab = this.#room(bytes.length)
      slab.buffer.set(bytes, slab.used)
      this.#took(slab, bytes.length)
      return
    }
    this.#closePart()
    this.bytes += bytes.length
    this.#parts.push(asBuffer(bytes))
  }

  /** The slab with so many bytes free, the open part ending where they begin. */
  #room(bytes: number): Slab {
    const slab = this.#slab
    if (slab.buffer.length - slab.used < bytes) {
      this.#closePart()
      slab.buffer = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes))
      slab.used = 0
    }
    // Another connection may have written behind our part since, or put in another buffer.
    if (this.#open !== slab.buffer || this.#openEnd !== slab.used) {
      this.#closePart()
      this.#open = slab.buffer
      this.#openStart = slab.used
      this.#openEnd = slab.used
    }
    return slab
  }

  /** So many bytes of the room were written. */
  #took(slab: Slab, bytes: number): void {
    slab.used += bytes
    this.#openEnd = slab.used
    this.bytes += bytes
  }

  #closePart(): void {
    if (this.#open !== undefined && this.#openEnd > this.#openStart)
      this.#parts.push(this.#open.subarray(this.#openStart, this.#openEnd))
    this.#open = undefined
  }

  /** Hands out the bytes in order, about `bytesMax` of them at most. */
  take(bytesMax: number): readonly Buffer[] {
    this.#closePart()
    if (this.bytes <= bytesMax) {
      const all = this.#parts
      this.#parts = []
      this.bytes = 0
      return all
    }
    const taken: Buffer[] = []
    let left = bytesMax
    let count = 0
    for (const part of this.#parts) {
      if (left === 0) break
      if (part.length > left) {
        taken.push(part.subarray(0, left))
        this.#parts[count] = part.subarray(left)
        left = 0
        break
      }
      taken.push(part)
      left -= part.length
      count += 1
    }
    this.#parts.splice(0, count)
    this.bytes -= bytesMax - left
    return taken
  }

  clear(): void {
    this.#parts = []
    this.#open = undefined
    this.bytes = 0
  }
}

function sizeOf(body: Uint8Array | readonly Uint8Array[] | undefined): number {
  if (body === undefined) return 0
  if (body instanceof Uint8Array) return body.length
  let bytes = 0
  for (const part of body) bytes += part.length
  return bytes
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const stretch = (first: Uint8Array, length: number): Uint8Array =>
  first.length === length ? first : Buffer.from(first.buffer, first.byteOffset, length)
