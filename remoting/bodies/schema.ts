import { LenientJsonError, objectKeyEntries, parseLenientJson } from '../../base/lenient-json.ts'
import { RequestError } from '../errors.ts'

/**
 * Bodies are declared as data, like headers: the type is inferred, reading is as lenient as fastjson (numbers as strings,
 * enums by ordinal, unknown keys ignored, null as absent), writing is plain JSON in alphabetical order without nulls,
 * except for maps whose keys are objects: their readers take nothing else (protocol §1.6).
 */
export interface Shape<T> {
  /** `path` names the place in error texts. Throws RequestError 29. */
  decode(value: unknown, path: string): T
  encode(value: T): string
  /** What an absent or null value becomes; without it absence is an error. */
  readonly absent?: { readonly value: T }
}

export type TypeOf<S> = S extends Shape<infer T> ? T : never

const INVALID_PARAMETER = 29

function wrong(path: string, value: unknown, allowed: string): RequestError {
  return new RequestError(INVALID_PARAMETER, `body ${path}: ${shownValue(value)} is not ${allowed}`)
}

/** Never the text of a whole list or object: of one that is nested a million times deep it takes a minute to make. */
function shownValue(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return JSON.stringify(typeof value === 'string' ? value.slice(0, 64) : value) ?? 'nothing'
}

export const text: Shape<string> = {
  decode(value, path) {
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    throw wrong(path, value, 'a string')
  },
  encode: (value) => JSON.stringify(value),
}

/** Any integer that a number holds exactly. */
export const integer: Shape<number> = {
  decode(value, path) {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number))
      throw wrong(path, value, 'an integer between -(2^53-1) and 2^53-1')
    return number
  },
  encode: String,
}

/**
 * An integer that is only compared with other readings of the same kind. The Go client counts nanoseconds, past 2^53 these
 * days: the nearest number keeps their order and makes equal ones equal.
 */
export const roundedInteger: Shape<number> = {
  decode(value, path) {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number) || Math.abs(number) > 2 ** 63)
      throw wrong(path, value, 'a 64-bit integer')
    return number
  },
  encode: String,
}

export const decimal: Shape<number> = {
  decode(value, path) {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isFinite(number)) throw wrong(path, value, 'a number')
    return number
  },
  encode: String,
}

export const flag: Shape<boolean> = {
  decode(value, path) {
    if (typeof value === 'boolean') return value
    if (typeof value === 'string') return value.toLowerCase() === 'true'
    if (typeof value === 'number') return value !== 0
    throw wrong(path, value, 'true or false')
  },
  encode: String,
}

/** An enum: its name, or its ordinal as C++ clients send it. */
export function oneOf<const Names extends readonly string[]>(...names: Names): Shape<Names[number]> {
  return {
    decode(value, path) {
      if (typeof value === 'string' && names.includes(value)) return value
      const ordinal = typeof value === 'string' && value !== '' ? Number(value) : value
      const name = typeof ordinal === 'number' ? names[ordinal] : undefined
      if (name === undefined) throw wrong(path, value, `one of ${names.join(', ')}`)
      return name
    },
    encode: (value) => JSON.stringify(value),
  }
}

export const list = <T>(item: Shape<T>): Shape<readonly T[]> => ({
  absent: { value: [] },
  decode(value, path) {
    if (!Array.isArray(value)) throw wrong(path, value, 'a list')
    return value.map((entry, index) => item.decode(entry, `${path}[${index}]`))
  },
  encode: (value) => `[${value.map(item.encode).join(',')}]`,
})

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A map with string keys; numeric keys come as their digits and are written quoted. */
export const mapOf = <T>(item: Shape<T>): Shape<Readonly<Record<string, T>>> => ({
  absent: { value: {} },
  decode(value, path) {
    if (!isObject(value)) throw wrong(path, value, 'a map')
    const map: Record<string, T> = Object.create(null)
    for (const [key, entry] of Object.entries(value))
      if (entry !== null) map[key] = item.decode(entry, `${path}.${key}`)
    return map
  },
  encode: (value) =>
    `{${Object.entries(value)
      .map(([key, entry]) => `${JSON.stringify(key)}:${item.encode(entry)}`)
      .join(',')}}`,
})

/** `{{"brokerName":"b","queueId":0,"topic":"t"}:5}`: a map whose keys are objects, as a list of pairs. */
export const objectKeyMap = <K, V>(key: Shape<K>, item: Shape<V>): Shape<readonly (readonly [K, V])[]> => ({
  absent: { value: [] },
  decode(value, path) {
    if (!isObject(value)) throw wrong(path, value, 'a map')
    return objectKeyEntries(value).map(
      ([name, entry]) => [key.decode(name, `${path} key`), item.decode(entry, path)] as const,
    )
  },
  encode: (value) =>
    `{${value.map(([name, entry]) => `${key.encode(name)}:${item.encode(entry)}`).join(',')}}`,
})

export const maybe = <T>(item: Shape<T>): Shape<T | undefined> => ({
  absent: { value: undefined },
  decode: item.decode,
  encode: (value) => (value === undefined ? 'null' : item.encode(value)),
})

export const orElse = <T>(item: Shape<T>, fallback: T): Shape<T> => ({ ...item, absent: { value: fallback } })

/** Deeper than anything that is passed on unread. */
const DEPTH_MAX = 32

/** Whatever JSON it is, passed on as it is; that it can be written again in reasonable time is all that is asked of it. */
export const anything: Shape<unknown> = {
  absent: { value: undefined },
  decode(value, path) {
    if (isDeeper(value, DEPTH_MAX))
      throw new RequestError(INVALID_PARAMETER, `body ${path} is nested deeper than ${DEPTH_MAX}`)
    return value
  },
  encode: (value) => JSON.stringify(value) ?? 'null',
}

/** Walks breadth first: no depth of nesting can exhaust the stack. */
function isDeeper(root: unknown, depthMax: number): boolean {
  let level = [root]
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = []
    for (const item of level)
      if (typeof item === 'object' && item !== null) for (const value of Object.values(item)) next.push(value)
    if (next.length > 0 && depth >= depthMax) return true
    level = next
  }
  return false
}

type Members = Readonly<Record<string, Shape<unknown>>>
type ObjectOf<M extends Members> = {
  readonly [Name in keyof M as undefined extends TypeOf<M[Name]> ? never : Name]: TypeOf<M[Name]>
} & { readonly [Name in keyof M as undefined extends TypeOf<M[Name]> ? Name : never]?: TypeOf<M[Name]> }

export function shape<const M extends Members>(members: M): Shape<ObjectOf<M>> {
  const names = Object.keys(members).sort()
  const columns = names.map((name) => ({ name, key: `${JSON.stringify(name)}:`, item: members[name] }))
  return {
    decode(value, path) {
      if (!isObject(value)) throw wrong(path, value, 'an object')
      const object: Record<string, unknown> = {}
      for (const { name, item } of columns) {
        const entry = value[name]
        const place = `${path}.${name}`
        if (entry !== undefined && entry !== null) object[name] = item?.decode(entry, place)
        else if (item?.absent !== undefined) object[name] = item.absent.value
        else throw new RequestError(INVALID_PARAMETER, `body ${place} is missing`)
      }
      return object as ObjectOf<M>
    },
    encode(value) {
      let json = ''
      for (const { name, key, item } of columns) {
        const entry = (value as Record<string, unknown>)[name]
        if (entry === undefined) continue
        json += `${json === '' ? '' : ','}${key}${item?.encode(entry)}`
      }
      return `{${json}}`
    },
  }
}

/** A whole body: `what` names it in error texts. */
export interface BodyCodec<T> {
  decode(body: Uint8Array): T
  encode(value: T): Buffer
  /** For files that hold the same JSON. */
  decodeText(json: string): T
  encodeText(value: T): string
}

export function body<T>(what: string, content: Shape<T>): BodyCodec<T> {
  const decodeText = (json: string): T => {
    if (json.trim() === '')
      throw new RequestError(INVALID_PARAMETER, `body is missing: expected ${what} as JSON`)
    let value: unknown
    try {
      value = parseLenientJson(json)
    } catch (error) {
      if (!(error instanceof LenientJsonError)) throw error
      throw new RequestError(INVALID_PARAMETER, `body is not JSON (${what} expected): ${error.message}`)
    }
    return content.decode(value, what)
  }
  return {
    decode: (bytes) => decodeText(bufferOf(bytes).toString('utf8')),
    encode: (value) => Buffer.from(content.encode(value)),
    decodeText,
    encodeText: content.encode,
  }
}

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
