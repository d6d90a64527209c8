import { parseLenientJson } from '../base/lenient-json.ts'
import { RequestError } from '../remoting/errors.ts'

/** Where the KV configuration is kept. `write` replaces the whole text atomically and durably, or rejects. */
export interface KvStorage {
  /** Undefined when nothing was ever written. */
  read(): Promise<string | undefined>
  write(text: string): Promise<void>
}

export interface KvLimits {
  readonly kvEntriesMax: number
  readonly kvKeyLengthMax: number
  readonly kvValueLengthMax: number
  readonly kvTotalLengthMax: number
}

/** Queue counts of ordered topics, `brokerA:4;brokerB:4`; NamesrvUtil.NAMESPACE_ORDER_TOPIC_CONFIG. */
export const ORDER_TOPIC_CONFIG = 'ORDER_TOPIC_CONFIG'

const SYSTEM_ERROR = 1
const INVALID_PARAMETER = 29

type Namespaces = Map<string, Map<string, string>>

/**
 * The KV configuration: namespace → key → value, in a file of RocketMQ's shape `{"configTable":{namespace:{key:value}}}`.
 * A change is answered when the file holds it. Changes that come while the file is written share the next write; when a
 * write fails, everything since the last good one is taken back and those who asked for it are told.
 */
export class KvConfig {
  readonly #storage: KvStorage
  readonly #limits: KvLimits
  #namespaces: Namespaces = new Map()
  #entryCount = 0
  #length = 0
  #storedText = '{"configTable":{}}'
  /** The write under way. */
  #writing: Promise<void> | undefined
  /** The write after it, which will hold all changes until it starts. */
  #next: Promise<void> | undefined

  private constructor(storage: KvStorage, limits: KvLimits) {
    this.#storage = storage
    this.#limits = limits
  }

  /** Rejects with an Error that says what is wrong with the stored text. */
  static async load(storage: KvStorage, limits: KvLimits): Promise<KvConfig> {
    const config = new KvConfig(storage, limits)
    const text = await storage.read()
    // An empty file is what a crash of the Java nameserver leaves; it starts from that too.
    if (text !== undefined && text.trim() !== '') config.#restore(text)
    return config
  }

  get entryCount(): number {
    return this.#entryCount
  }

  get(namespace: string, key: string): string | undefined {
    return this.#namespaces.get(namespace)?.get(key)
  }

  /** The keys of a namespace as a KVTable body, `{"table":{…}}`; undefined when the namespace was never used. */
  tableJson(namespace: string): string | undefined {
    const table = this.#namespaces.get(namespace)
    return table === undefined ? undefined : `{"table":${jsonOf(table)}}`
  }

  /** Throws RequestError 29 when a limit is exceeded; rejects with 1 when the change could not be stored. */
  put(namespace: string, key: string, value: string): Promise<void> {
    this.#check('namespace', namespace, this.#limits.kvKeyLengthMax)
    this.#check('key', key, this.#limits.kvKeyLengthMax)
    this.#check('value', value, this.#limits.kvValueLengthMax, 0)
    const before = this.get(namespace, key)
    const grows = value.length - (before?.length ?? -(namespace.length + key.length))
    if (before === undefined && this.#entryCount >= this.#limits.kvEntriesMax)
      throw new RequestError(
        INVALID_PARAMETER,
        `the KV configuration is full: ${this.#limits.kvEntriesMax} entries`,
      )
    if (this.#length + grows > this.#limits.kvTotalLengthMax)
      throw new RequestError(
        INVALID_PARAMETER,
        `the KV configuration is full: ${this.#limits.kvTotalLengthMax} characters`,
      )
    if (before === value) return this.#next ?? this.#writing ?? Promise.resolve()
    let table = this.#namespaces.get(namespace)
    if (table === undefined) {
      table = new Map()
      this.#namespaces.set(namespace, table)
    }
    table.set(key, value)
    this.#length += grows
    if (before === undefined) this.#entryCount += 1
    return this.#store()
  }

  /**
   * An unknown key is no error. The namespace of ordered topics stays known when it is empty, as in RocketMQ: only an
   * empty table tells brokers to clear the order flag of their last ordered topic.
   */
  delete(namespace: string, key: string): Promise<void> {
    const table = this.#namespaces.get(namespace)
    const before = table?.get(key)
    if (table === undefined || before === undefined) return Promise.resolve()
    table.delete(key)
    if (table.size === 0 && namespace !== ORDER_TOPIC_CONFIG) this.#namespaces.delete(namespace)
    this.#entryCount -= 1
    this.#length -= namespace.length + key.length + before.length
    return this.#store()
  }

  /** Resolves when nothing is being written any more; failures were told to those who asked. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await (this.#next ?? this.#writing).catch(() => undefined)
  }

  #check(field: string, text: string, lengthMax: number, lengthMin = 1): void {
    if (text.length >= lengthMin && text.length <= lengthMax) return
    throw new RequestError(
      INVALID_PARAMETER,
      `header field ${field}: ${text.length} characters, allowed are ${lengthMin} to ${lengthMax}`,
    )
  }

  #store(): Promise<void> {
    if (this.#writing === undefined) return this.#startWrite()
    // When the write under way fails, this change is taken back with it, and so its promise fails too.
    this.#next ??= this.#writing.then(() => this.#startWrite())
    return this.#next
  }

  #startWrite(): Promise<void> {
    this.#next = undefined
    this.#writing = this.#write()
    return this.#writing
  }

  async #write(): Promise<void> {
    const text = `{"configTable":${jsonOf(this.#namespaces, jsonOf)}}`
    try {
      await this.#storage.write(text)
    } catch (error) {
      this.#writing = undefined
      this.#next = undefined
      this.#restore(this.#storedText)
      throw new RequestError(SYSTEM_ERROR, 'the KV configuration could not be written; nothing was changed', {
        cause: error,
      })
    }
    this.#storedText = text
    if (this.#next === undefined) this.#writing = undefined
  }

  #restore(text: string): void {
    const namespaces: Namespaces = new Map()
    const tables = membersOf(parse(text), 'the file').get('configTable') ?? {}
    let entryCount = 0
    let length = 0
    for (const [namespace, table] of membersOf(tables, 'configTable')) {
      const keys = new Map<string, string>()
      for (const [key, value] of membersOf(table, `configTable.${namespace}`)) {
        if (value === null) continue
        if (typeof value === 'object') throw new Error(`configTable.${namespace}.${key} is not a text`)
        keys.set(key, String(value))
        length += namespace.length + key.length + String(value).length
      }
      namespaces.set(namespace, keys)
      entryCount += keys.size
    }
    this.#namespaces = namespaces
    this.#entryCount = entryCount
    this.#length = length
    this.#storedText = text
  }
}

function parse(text: string): unknown {
  try {
    return parseLenientJson(text)
  } catch (error) {
    throw new Error(`not JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function membersOf(value: unknown, name: string): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${name} is not a JSON object`)
  return new Map(Object.entries(value))
}

function jsonOf<T>(map: ReadonlyMap<string, T>, encode: (value: T) => string = JSON.stringify): string {
  const members = [...map].map(([key, value]) => `${JSON.stringify(key)}:${encode(value)}`)
  return `{${members.join(',')}}`
}
