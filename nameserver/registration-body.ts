import { inflateSync } from 'node:zlib'
import { crc32 } from '../base/crc32.ts'
import { LenientJsonError, parseLenientJson } from '../base/lenient-json.ts'
import { type DataVersion, dataVersion } from '../remoting/bodies/data-version.ts'
import { integer } from '../remoting/bodies/schema.ts'
import { RequestError } from '../remoting/errors.ts'
import { VERSION_QUEUE_MAPPING, VERSION_REGISTER_BODY } from '../remoting/versions.ts'
import type { RegisteredTopics } from './routes.ts'
import type { TopicQueues } from './topics.ts'

const INVALID_PARAMETER = 29

export interface RegistrationBody extends RegisteredTopics {
  readonly dataVersion: DataVersion
}

export interface RegistrationFormat {
  readonly isCompressed: boolean
  /** Of the sending broker (protocol §1.5). */
  readonly version: number
}

export interface RegistrationLimits {
  readonly inflatedBytesMax: number
  readonly topicNameLengthMax: number
}

const NO_VERSION: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }

const MAPPING_VERSION_KEY = '"mappingDataVersion":{'
const VERSION_KEY = '"dataVersion":{'
/** Versions are three numbers; what is longer is something else. */
const VERSION_BYTES_MAX = 200

/**
 * Equal for bodies that say the same. Java brokers without static topics give their mappings a version with the time of
 * each registration, which nobody reads, so that it is left out.
 */
export function fingerprintOf(body: Buffer): string {
  const place = versionPlace(body, MAPPING_VERSION_KEY)
  if (place === undefined) return `${body.length} ${crc32(body)}`
  const crc = crc32(body.subarray(place.end), crc32(body.subarray(0, place.start)))
  return `${body.length - (place.end - place.start)} ${crc}`
}

/**
 * Where the first object under that key stands, braces included. A quote within a text is always escaped, so that the bytes
 * can only be a key; should a topic be called like it, then its object has no counter.
 */
function versionPlace(
  body: Buffer,
  key: string,
): { readonly start: number; readonly end: number } | undefined {
  const at = body.indexOf(key)
  if (at < 0) return undefined
  const start = at + key.length - 1
  const end = body.indexOf(0x7d, start) + 1
  if (end === 0 || end - start > VERSION_BYTES_MAX) return undefined
  return body.subarray(start, end).includes('"counter"') ? { start, end } : undefined
}

/**
 * The version of a body without reading its topics, undefined when it cannot be told cheaply. Java brokers write it
 * before the topics.
 */
export function peekDataVersion(
  body: Buffer,
  { isCompressed, version }: RegistrationFormat,
): DataVersion | undefined {
  if (body.length === 0) return NO_VERSION
  if (isCompressed && version >= VERSION_REGISTER_BODY) return undefined
  const place = versionPlace(body, VERSION_KEY)
  if (place === undefined) return undefined
  try {
    return dataVersion.decode(
      parseLenientJson(body.toString('latin1', place.start, place.end)),
      'dataVersion',
    )
  } catch {
    return undefined
  }
}

/** Reads all of it. An absent body is a broker without topics, as in RocketMQ. Throws RequestError 29. */
export function decodeRegistration(
  body: Buffer,
  format: RegistrationFormat,
  limits: RegistrationLimits,
): RegistrationBody {
  if (body.length === 0) return { dataVersion: NO_VERSION, topics: [], filterServers: [], mappings: [] }
  if (format.version < VERSION_REGISTER_BODY)
    return decodeWrapper(parseBody(body), 'TopicConfigSerializeWrapper', [], limits)
  if (format.isCompressed) return decodeCompressed(inflate(body, limits), format.version, limits)
  const whole = objectAt(parseBody(body), 'RegisterBrokerBody')
  const filterServers = textsAt(whole.filterServerList, 'filterServerList')
  return decodeWrapper(
    whole.topicConfigSerializeWrapper,
    'topicConfigSerializeWrapper',
    filterServers,
    limits,
  )
}

function decodeWrapper(
  value: unknown,
  path: string,
  filterServers: readonly string[],
  limits: RegistrationLimits,
): RegistrationBody {
  const wrapper = objectAt(value ?? {}, path)
  const version = wrapper.dataVersion
  const table = objectAt(wrapper.topicConfigTable ?? {}, 'topicConfigTable')
  const topics: TopicQueues[] = []
  for (const name in table) topics.push(topicOf(name, table[name], limits))
  return {
    dataVersion: version == null ? NO_VERSION : dataVersion.decode(version, 'dataVersion'),
    topics,
    filterServers,
    mappings: Object.entries(objectAt(wrapper.topicQueueMappingInfoMap ?? {}, 'topicQueueMappingInfoMap')),
  }
}

/** Only what a route shows of a topic; defaults are those of TopicConfig.java. This runs once per topic and body. */
function topicOf(key: string, value: unknown, limits: RegistrationLimits): TopicQueues {
  const config = objectAt(value, 'topicConfigTable', key)
  const name = config.topicName ?? key
  if (typeof name !== 'string') throw wrong(`topicConfigTable.${key}.topicName is not a string`)
  checkTopicName(name, limits)
  return {
    topicName: name,
    readQueueNums: integerOr(config.readQueueNums, 16, key, 'readQueueNums'),
    writeQueueNums: integerOr(config.writeQueueNums, 16, key, 'writeQueueNums'),
    perm: integerOr(config.perm, 6, key, 'perm'),
    topicSysFlag: integerOr(config.topicSysFlag, 0, key, 'topicSysFlag'),
  }
}

export function checkTopicName(name: string, limits: RegistrationLimits): void {
  if (name.length === 0 || name.length > limits.topicNameLengthMax)
    throw wrong(
      `the name of a topic has ${name.length} characters, allowed are 1 to ${limits.topicNameLengthMax}`,
    )
}

function integerOr(value: unknown, fallback: number, topic: string, field: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff && Number.isInteger(value)) return value
  if (value === undefined || value === null) return fallback
  const number = integer.decode(value, `topicConfigTable.${topic}.${field}`)
  if (number < 0 || number > 0x7fffffff)
    throw wrong(`topicConfigTable.${topic}.${field}: ${number} is not between 0 and 2^31-1`)
  return number
}

/**
 * The compressed form, a deflate stream (RegisterBrokerBody.java; Java brokers send it with compressedRegister=true):
 *
 * ```
 * int32 n, n bytes       data version, JSON
 * int32 count            then for each topic
 *   int32 n, n bytes     "name readQueueNums writeQueueNums perm filterType attributes", one space between
 * int32 n, n bytes       filter servers, JSON
 * int32 count            mappings of static topics, from version 413 on; then for each
 *   int32 n, n bytes     TopicQueueMappingInfo, JSON
 * ```
 */
function decodeCompressed(bytes: Buffer, version: number, limits: RegistrationLimits): RegistrationBody {
  const reader = new BlockReader(bytes)
  const versionOfData = dataVersion.decode(parseBody(reader.block('the data version')), 'dataVersion')
  const topics: TopicQueues[] = []
  for (let left = reader.int32('the number of topics'); left > 0; left -= 1)
    topics.push(topicOfLine(reader.block('a topic').toString('utf8'), limits))
  const filterServers = textsAt(parseBody(reader.block('the filter servers')), 'filterServerList')
  const mappings: [string, unknown][] = []
  if (version >= VERSION_QUEUE_MAPPING)
    for (let left = reader.int32('the number of mappings'); left > 0; left -= 1) {
      const info = objectAt(parseBody(reader.block('a mapping')), 'TopicQueueMappingInfo')
      if (typeof info.topic === 'string') mappings.push([info.topic, info])
    }
  return { dataVersion: versionOfData, topics, filterServers, mappings }
}

/** The system flag of a topic is not part of the compressed form. */
function topicOfLine(line: string, limits: RegistrationLimits): TopicQueues {
  const [name = '', read, write, perm, filterType] = line.split(' ', 5)
  if (filterType === undefined)
    throw wrong(`${JSON.stringify(line.slice(0, 64))} is not a topic: five words expected`)
  checkTopicName(name, limits)
  return {
    topicName: name,
    readQueueNums: integerOr(read, 16, name, 'readQueueNums'),
    writeQueueNums: integerOr(write, 16, name, 'writeQueueNums'),
    perm: integerOr(perm, 6, name, 'perm'),
    topicSysFlag: 0,
  }
}

class BlockReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int32(what: string): number {
    if (this.#at + 4 > this.#bytes.length) throw wrong(`it ends before ${what}`)
    const value = this.#bytes.readInt32BE(this.#at)
    this.#at += 4
    // Whatever is counted takes at least four bytes.
    if (value < 0 || value > this.#bytes.length) throw wrong(`${what}: ${value} cannot be`)
    return value
  }

  block(what: string): Buffer {
    const length = this.int32(what)
    if (this.#at + length > this.#bytes.length) throw wrong(`it ends within ${what}`)
    const block = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return block
  }
}

function inflate(body: Buffer, limits: RegistrationLimits): Buffer {
  try {
    return inflateSync(body, { maxOutputLength: limits.inflatedBytesMax })
  } catch (error) {
    const isTooLarge = error instanceof RangeError
    throw wrong(
      isTooLarge ? `it inflates to more than ${limits.inflatedBytesMax} bytes` : 'it is not a deflate stream',
    )
  }
}

function parseBody(bytes: Buffer): unknown {
  try {
    return parseLenientJson(bytes.toString('utf8'))
  } catch (error) {
    if (!(error instanceof LenientJsonError)) throw error
    throw wrong(`it is not JSON: ${error.message}`)
  }
}

function objectAt(value: unknown, path: string, key?: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw wrong(`${key === undefined ? path : `${path}.${key}`} is not an object`)
}

function textsAt(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw wrong(`${path} is not a list of strings`)
}

const wrong = (what: string): RequestError =>
  new RequestError(INVALID_PARAMETER, `body of the registration: ${what}`)
