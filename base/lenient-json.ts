/**
 * JSON as fastjson 1.x writes and reads it (protocol §1.6): bare numeric and bare word keys, objects as keys, single
 * quotes, trailing commas, trailing data. What we write ourselves is plain JSON wherever the reader allows it.
 */
export class LenientJsonError extends Error {
  override name = 'LenientJsonError'
}

/** Deeper than any body of the protocol; keeps the parser's own recursion harmless. */
const DEPTH_MAX = 64

/**
 * Parses standard JSON at native speed and everything else by hand. An object that is used as a key becomes its
 * canonical JSON text (see objectKeyEntries). Throws LenientJsonError.
 */
export function parseLenientJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return new Parser(text).parse()
  }
}

/** The entries of a map whose keys are objects, the keys parsed again. Keys that are no objects are left out. */
export function objectKeyEntries(map: object): [key: Record<string, unknown>, value: unknown][] {
  const entries: [Record<string, unknown>, unknown][] = []
  for (const [text, value] of Object.entries(map)) {
    if (!text.startsWith('{')) continue
    const key = parseLenientJson(text)
    if (typeof key === 'object' && key !== null) entries.push([key as Record<string, unknown>, value])
  }
  return entries
}

/** JSON with object keys in alphabetical order, so that equal keys have equal text. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const parts = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`)
  return `{${parts.join(',')}}`
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '0': '\0',
}
const isWordCharacter = (code: number): boolean =>
  (code >= 48 && code <= 57) ||
  (code >= 65 && code <= 90) ||
  (code >= 97 && code <= 122) ||
  code === 95 ||
  code === 36 ||
  code === 43 ||
  code === 45 ||
  code === 46

class Parser {
  readonly #text: string
  #at = 0
  /** Within an object that is a key. */
  #isInKey = false

  constructor(text: string) {
    this.#text = text
  }

  parse(): unknown {
    return this.#value(0)
  }

  #fail(what: string): never {
    throw new LenientJsonError(`${what} at character ${this.#at} of ${this.#text.length}`)
  }

  /** The next character that is no white space, not consumed; '' at the end. */
  #peek(): string {
    while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) <= 32) this.#at += 1
    return this.#text[this.#at] ?? ''
  }

  #value(depth: number): unknown {
    if (depth > DEPTH_MAX) this.#fail(`nesting deeper than ${DEPTH_MAX}`)
    const next = this.#peek()
    if (next === '{') return this.#object(depth)
    if (next === '[') return this.#array(depth)
    if (next === '"' || next === "'") return this.#string(next)
    return this.#literal(this.#word())
  }

  #object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    this.#at += 1
    for (;;) {
      const next = this.#peek()
      if (next === '}') break
      if (next === ',') {
        this.#at += 1
        continue
      }
      const key = this.#key(next, depth)
      if (this.#peek() !== ':') this.#fail('expected ":"')
      this.#at += 1
      const value = this.#value(depth + 1)
      if (key === '__proto__')
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
      else object[key] = value
    }
    this.#at += 1
    return object
  }

  #key(next: string, depth: number): string {
    if (next === '"' || next === "'") return this.#string(next)
    if (next !== '{') return this.#word()
    // As the key of a key it would be quoted twice, and so on: a hundred bytes would become gigabytes.
    if (this.#isInKey) this.#fail('an object as a key within a key')
    this.#isInKey = true
    const key = canonicalJson(this.#value(depth + 1))
    this.#isInKey = false
    return key
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = []
    this.#at += 1
    for (;;) {
      const next = this.#peek()
      if (next === ']') break
      if (next === ',') this.#at += 1
      else items.push(this.#value(depth + 1))
    }
    this.#at += 1
    return items
  }

  #string(quote: string): string {
    this.#at += 1
    let result = ''
    let start = this.#at
    for (;;) {
      const character = this.#text[this.#at]
      if (character === undefined) this.#fail('unfinished string')
      if (character === quote) break
      if (character === '\\') {
        result += this.#text.slice(start, this.#at) + this.#escape()
        start = this.#at
      } else this.#at += 1
    }
    result += this.#text.slice(start, this.#at)
    this.#at += 1
    return result
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? ''
    const digits = letter === 'u' ? 4 : 2
    if (letter === 'u' || letter === 'x') {
      const hex = this.#text.slice(this.#at + 2, this.#at + 2 + digits)
      if (hex.length !== digits || !/^[0-9a-fA-F]+$/.test(hex)) this.#fail('bad escape')
      this.#at += 2 + digits
      return String.fromCharCode(Number.parseInt(hex, 16))
    }
    this.#at += 2
    return ESCAPES[letter] ?? letter
  }

  /** A bare number or word. */
  #word(): string {
    const start = this.#at
    while (this.#at < this.#text.length && isWordCharacter(this.#text.charCodeAt(this.#at))) this.#at += 1
    if (this.#at === start) this.#fail(start >= this.#text.length ? 'unexpected end' : 'unexpected character')
    return this.#text.slice(start, this.#at)
  }

  #literal(word: string): unknown {
    if (word === 'true') return true
    if (word === 'false') return false
    if (word === 'null') return null
    // fastjson marks longs, floats and doubles with a letter when it writes class names.
    const number = Number(/^-?[0-9.]+[LFDBS]$/.test(word) ? word.slice(0, -1) : word)
    if (Number.isNaN(number)) this.#fail(`unexpected word ${JSON.stringify(word.slice(0, 20))}`)
    return number
  }
}
