import { LenientJsonError, parseLenientJson } from '../base/lenient-json.ts'
import { widenRequestCode } from './codes.ts'
import { FrameError } from './errors.ts'
import { FRAME_HEAD_BYTES } from './frame.ts'
import { languageCode, languageName, languageOf } from './languages.ts'
import { EXT_FIELDS_MAX, HEADER_BYTES_MAX, HEADER_DEPTH_MAX } from './limits.ts'

/** The header forms of protocol §1.1: the byte at offset 4 of a frame. */
export const HEADER_JSON = 0
export const HEADER_BINARY = 1

export const FLAG_RESPONSE = 1
export const FLAG_ONEWAY = 2

/** One frame, decoded. Requests and answers share the shape. */
export interface Command {
  /** RequestCode or ResponseCode; binary aliases of the POP codes are already widened (protocol §1.2). */
  readonly code: number
  /** protocol §1.4; unknown names are 7 (OTHER). */
  readonly language: number
  readonly version: number
  readonly opaque: number
  readonly flag: number
  readonly remark: string | undefined
  /** Null prototype; values are strings whatever JSON type they came as. Undefined when the frame had none. */
  readonly ext: Readonly<Record<string, string>> | undefined
  readonly headerForm: typeof HEADER_JSON | typeof HEADER_BINARY
  /** A view into the receive buffer, not a copy. */
  readonly body: Buffer
}

type HeaderForm = Command['headerForm']
type Ext = Record<string, string>

/** Decodes the frame buffer[start, end), its length field included. Total: a command, or FrameError. */
export function decodeCommand(buffer: Buffer, start = 0, end = buffer.length): Command {
  if (end - start < FRAME_HEAD_BYTES) throw new FrameError(`frame of ${end - start} bytes has no header`)
  const form = buffer[start + 4]
  const headerBytes = buffer.readUIntBE(start + 5, 3)
  const headerStart = start + FRAME_HEAD_BYTES
  if (headerBytes > end - headerStart)
    throw new FrameError(`header of ${headerBytes} bytes in a frame with ${end - headerStart} left`)
  if (headerBytes === 0) throw new FrameError('frame without a header')
  if (headerBytes > HEADER_BYTES_MAX)
    throw new FrameError(`header of ${headerBytes} bytes, at most ${HEADER_BYTES_MAX} are allowed`)
  const headerEnd = headerStart + headerBytes
  const body = buffer.subarray(headerEnd, end)
  if (form === HEADER_JSON) return decodeJsonHeader(buffer.toString('utf8', headerStart, headerEnd), body)
  if (form === HEADER_BINARY) return decodeBinaryHeader(buffer, headerStart, headerEnd, body)
  throw new FrameError(`header form ${form}, known are 0 (JSON) and 1 (binary)`)
}

function decodeJsonHeader(text: string, body: Buffer): Command {
  const header = parseHeader(text)
  let ext: Ext | undefined
  for (const key in header) {
    const value = header[key]
    if (typeof value !== 'object' || value === null) continue
    if (key === 'extFields' && !Array.isArray(value)) ext = extOf(value as Record<string, unknown>)
    else checkDepth(value, 2)
  }
  const { remark } = header
  return {
    code: int32(header.code, 'code'),
    language: languageCode(header.language),
    version: int32(header.version, 'version'),
    opaque: int32(header.opaque, 'opaque'),
    flag: int32(header.flag, 'flag'),
    remark: typeof remark === 'string' ? remark : undefined,
    ext,
    headerForm: HEADER_JSON,
    body,
  }
}

function parseHeader(text: string): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch {
    try {
      header = parseLenientJson(text)
    } catch (error) {
      if (!(error instanceof LenientJsonError)) throw error
      throw new FrameError(`header is not JSON: ${error.message}`)
    }
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new FrameError('header is not a JSON object')
  return header as Record<string, unknown>
}

/** Absent is 0, as in Java. */
function int32(value: unknown, name: string): number {
  if (value === undefined || value === null) return 0
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number !== 'number' || (number | 0) !== number)
    throw new FrameError(`header ${name} is not a 32-bit integer`)
  // -0 is 0 to Java, too.
  return number | 0
}

/** The same object without its prototype, every value a string. Nulls are as good as absent. */
function extOf(fields: Record<string, unknown>): Ext {
  let count = 0
  for (const key in fields) {
    count += 1
    const value = fields[key]
    if (typeof value === 'string') continue
    if (value === null) delete fields[key]
    else {
      if (typeof value === 'object') checkDepth(value, 3)
      fields[key] = typeof value === 'object' ? JSON.stringify(value) : String(value)
    }
  }
  if (count > EXT_FIELDS_MAX)
    throw new FrameError(`${count} extFields, at most ${EXT_FIELDS_MAX} are allowed`)
  return Object.setPrototypeOf(fields, null) as Ext
}

/** Walks breadth first: no depth of nesting can exhaust the stack. `depth` is that of `root` itself. */
function checkDepth(root: object, depth: number): void {
  let level: object[] = [root]
  for (let at = depth; level.length > 0; at++) {
    if (at > HEADER_DEPTH_MAX) throw new FrameError(`header nested deeper than ${HEADER_DEPTH_MAX}`)
    const next: object[] = []
    for (const item of level)
      for (const value of Object.values(item))
        if (typeof value === 'object' && value !== null) next.push(value)
    level = next
  }
}

/*
 * The binary header. Big endian.
 *
 *      0      2      3         5         9        13           17
 *      +------+------+---------+---------+--------+------------+----------+-------------+--------------------------+
 *      | code | lang | version | opaque  | flag   | remarkLen  | remark … | extBytes 4  | (2 key…, 4 value…) …     |
 *      +------+------+---------+---------+--------+------------+----------+-------------+--------------------------+
 */
const BINARY_FIXED_BYTES = 21

function decodeBinaryHeader(buffer: Buffer, start: number, end: number, body: Buffer): Command {
  if (end - start < BINARY_FIXED_BYTES)
    throw new FrameError(`binary header of ${end - start} bytes, at least ${BINARY_FIXED_BYTES} are needed`)
  const remarkBytes = buffer.readInt32BE(start + 13)
  const remarkStart = start + 17
  if (remarkBytes < 0 || remarkBytes > end - remarkStart - 4)
    throw new FrameError(`remark of ${remarkBytes} bytes in a binary header of ${end - start}`)
  const extStart = remarkStart + remarkBytes
  const extBytes = buffer.readInt32BE(extStart)
  if (extBytes < 0 || extBytes > end - extStart - 4)
    throw new FrameError(`extFields of ${extBytes} bytes in a binary header of ${end - start}`)
  const flag = buffer.readInt32BE(start + 9)
  const code = buffer.readInt16BE(start)
  return {
    code: (flag & FLAG_RESPONSE) === 0 ? widenRequestCode(code) : code,
    language: languageOf(buffer[start + 2] ?? 0),
    version: buffer.readInt16BE(start + 3),
    opaque: buffer.readInt32BE(start + 5),
    flag,
    remark: remarkBytes === 0 ? undefined : buffer.toString('utf8', remarkStart, extStart),
    ext: extBytes === 0 ? undefined : binaryExt(buffer, extStart + 4, extStart + 4 + extBytes),
    headerForm: HEADER_BINARY,
    body,
  }
}

function binaryExt(buffer: Buffer, start: number, end: number): Ext {
  const ext: Ext = Object.create(null)
  let at = start
  for (let count = 1; at < end; count++) {
    if (count > EXT_FIELDS_MAX) throw new FrameError(`more than ${EXT_FIELDS_MAX} extFields`)
    if (end - at < 2) throw new FrameError('extFields end within a key')
    const keyBytes = buffer.readInt16BE(at)
    const valueAt = at + 2 + keyBytes
    if (keyBytes < 0 || valueAt + 4 > end) throw new FrameError(`extFields key of ${keyBytes} bytes`)
    const valueBytes = buffer.readInt32BE(valueAt)
    if (valueBytes < 0 || valueBytes > end - valueAt - 4)
      throw new FrameError(`extFields value of ${valueBytes} bytes`)
    ext[buffer.toString('utf8', at + 2, valueAt)] = buffer.toString(
      'utf8',
      valueAt + 4,
      valueAt + 4 + valueBytes,
    )
    at = valueAt + 4 + valueBytes
  }
  return ext
}

/** What a header says besides its fields. */
export interface HeaderFrame {
  readonly code: number
  readonly language: number
  readonly version: number
  readonly opaque: number
  readonly flag: number
  readonly remark: string | undefined
}

/**
 * A JSON header in Java's key order. `extJson` is the inside of extFields. There is always an extFields object: Java's
 * send and C++'s every answer are read without a null check.
 */
export function jsonHeader(head: HeaderFrame, extJson: string): string {
  const remark = head.remark === undefined ? '' : `"remark":${JSON.stringify(head.remark)},`
  return `{"code":${head.code},"extFields":{${extJson}},"flag":${head.flag},"language":"${languageName(head.language)}","opaque":${head.opaque},${remark}"serializeTypeCurrentRPC":"JSON","version":${head.version}}`
}

/** The inside of an extFields object. */
export function extToJson(ext: Readonly<Record<string, string>>): string {
  let json = ''
  for (const key in ext) json += `${json === '' ? '' : ','}${JSON.stringify(key)}:${JSON.stringify(ext[key])}`
  return json
}

/** A binary header. Keys longer than 32767 bytes do not exist among ours. */
export function binaryHeader(head: HeaderFrame, ext: Readonly<Record<string, string>>): Buffer {
  const keys = Object.keys(ext)
  const remark = head.remark ?? ''
  const remarkBytes = Buffer.byteLength(remark)
  let extBytes = 0
  for (const key of keys) extBytes += 6 + Buffer.byteLength(key) + Buffer.byteLength(ext[key] ?? '')
  const header = Buffer.allocUnsafe(BINARY_FIXED_BYTES + remarkBytes + extBytes)
  header.writeUInt16BE(head.code & 0xffff, 0)
  header[2] = head.language
  header.writeUInt16BE(head.version & 0xffff, 3)
  header.writeInt32BE(head.opaque, 5)
  header.writeInt32BE(head.flag, 9)
  header.writeInt32BE(remarkBytes, 13)
  header.write(remark, 17)
  let at = 17 + remarkBytes
  header.writeInt32BE(extBytes, at)
  at += 4
  for (const key of keys) {
    const keyBytes = header.write(key, at + 2)
    header.writeInt16BE(keyBytes, at)
    at += 2 + keyBytes
    const valueBytes = header.write(ext[key] ?? '', at + 4)
    header.writeInt32BE(valueBytes, at)
    at += 4 + valueBytes
  }
  return header
}

/** One whole frame in one buffer, for tests, tools and whoever has no connection at hand. */
export function encodeFrame(
  head: HeaderFrame,
  ext: Readonly<Record<string, string>> = {},
  body: Uint8Array = new Uint8Array(0),
  form: HeaderForm = HEADER_JSON,
): Buffer {
  const header =
    form === HEADER_JSON ? Buffer.from(jsonHeader(head, extToJson(ext))) : binaryHeader(head, ext)
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + header.length + body.length)
  writeFrameHead(frame, 0, form, header.length, body.length)
  frame.set(header, FRAME_HEAD_BYTES)
  frame.set(body, FRAME_HEAD_BYTES + header.length)
  return frame
}

export function writeFrameHead(
  buffer: Buffer,
  at: number,
  form: HeaderForm,
  headerBytes: number,
  bodyBytes: number,
): void {
  buffer.writeInt32BE(4 + headerBytes + bodyBytes, at)
  buffer.writeInt32BE((form << 24) | headerBytes, at + 4)
}
