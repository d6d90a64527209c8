import { RequestError } from './errors.ts'

/**
 * A header is declared as data: one line a field, the type inferred. On the wire every field is a string in
 * extFields under its Java field name, or under the letter given (`string('a')`, protocol §2.1).
 * Lenient on input as Java is: a field that not every client sends is `optional` or has a default (`orElse`); JSON
 * numbers and booleans have become strings in command.ts before this sees them.
 */
export interface Field<T> {
  /** Key in extFields when it is not the property's own name. */
  readonly wireName: string | undefined
  /** May be absent on the wire; it then decodes to `fallback`. */
  readonly isOptional: boolean
  readonly fallback: T | undefined
  /** False when the encoded text never needs escaping in JSON: digits, true, false. */
  readonly isFreeText: boolean
  decode(text: string, name: string): T
  encode(value: T): string
}

export type FieldTable = Readonly<Record<string, Field<unknown>>>

/** The typed header of a field table. Optional fields may be undefined. */
export type HeaderOf<Table extends FieldTable> = {
  readonly [Name in keyof Table as undefined extends ValueOf<Table[Name]> ? never : Name]: ValueOf<
    Table[Name]
  >
} & {
  readonly [Name in keyof Table as undefined extends ValueOf<Table[Name]> ? Name : never]?: ValueOf<
    Table[Name]
  >
}
type ValueOf<F> = F extends Field<infer T> ? T : never

/** Response code for a header field that is missing, of the wrong type or out of range. */
const INVALID_PARAMETER = 29

const invalid = (name: string, text: string, allowed: string): RequestError =>
  new RequestError(
    INVALID_PARAMETER,
    `header field ${name}: ${JSON.stringify(text.slice(0, 64))} is not ${allowed}`,
  )

const DIGIT_0 = 48
const MINUS = 45

/** Decimal digits with an optional minus, as Java's Long.parseLong takes them; NaN for anything else. */
function parseInteger(text: string): number {
  const isNegative = text.charCodeAt(0) === MINUS
  const start = isNegative ? 1 : 0
  if (text.length === start) return Number.NaN
  let value = 0
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - DIGIT_0
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  // Exact up to 2^53 - 1, and beyond that what was rounded stays beyond: the caller's bounds refuse it.
  return isNegative && value !== 0 ? -value : value
}

function integer(wireName: string | undefined, min: number, max: number, allowed: string): Field<number> {
  return {
    wireName,
    isOptional: false,
    fallback: undefined,
    isFreeText: false,
    decode(text, name) {
      const value = parseInteger(text)
      // The comparison is false for NaN, too.
      if (!(value >= min && value <= max)) throw invalid(name, text, allowed)
      return value
    },
    encode: String,
  }
}

export const string = (wireName?: string): Field<string> => ({
  wireName,
  isOptional: false,
  fallback: undefined,
  isFreeText: true,
  decode: (text) => text,
  encode: (value) => value,
})

export const int = (wireName?: string): Field<number> =>
  integer(wireName, -(2 ** 31), 2 ** 31 - 1, 'a 32-bit integer')

export const long = (wireName?: string): Field<number> =>
  integer(
    wireName,
    Number.MIN_SAFE_INTEGER,
    Number.MAX_SAFE_INTEGER,
    'an integer between -(2^53-1) and 2^53-1',
  )

/**
 * A long for which clients use Java's own bounds as "no limit" (Long.MAX_VALUE as the end of a time window, offsets beyond
 * every queue): what is beyond ±(2^53-1) becomes that bound.
 */
export const clampedLong = (wireName?: string): Field<number> => ({
  ...long(wireName),
  decode(text, name) {
    const value = parseInteger(text)
    if (Number.isNaN(value)) throw invalid(name, text, 'an integer')
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value))
  },
})

/**
 * A long that is only compared with other readings of the same kind. The Go client counts nanoseconds, past 2^53 these days:
 * the nearest number keeps their order and makes equal ones equal.
 */
export const roundedLong = (wireName?: string): Field<number> => ({
  ...long(wireName),
  decode(text, name) {
    const value = parseInteger(text)
    if (Number.isNaN(value) || Math.abs(value) > 2 ** 63) throw invalid(name, text, 'a 64-bit integer')
    // Sums of digits round at each one of them, and a JSON body is rounded once: both have to give the same.
    return Number.isSafeInteger(value) ? value : Number(text)
  },
})

/** Java's Boolean.parseBoolean: "true" in any case is true, everything else is false. */
export const bool = (wireName?: string): Field<boolean> => ({
  wireName,
  isOptional: false,
  fallback: undefined,
  isFreeText: false,
  decode: (text) => text === 'true' || text.toLowerCase() === 'true',
  encode: String,
})

/** Java's BoundaryType: UPPER in any case is UPPER, everything else is LOWER. */
export const boundary = (wireName?: string): Field<'LOWER' | 'UPPER'> => ({
  wireName,
  isOptional: false,
  fallback: undefined,
  isFreeText: false,
  decode: (text) => (text.toUpperCase() === 'UPPER' ? 'UPPER' : 'LOWER'),
  encode: String,
})

export const optional = <T>(field: Field<T>): Field<T | undefined> => ({
  ...field,
  isOptional: true,
  fallback: undefined,
  encode: (value) => field.encode(value as T),
})

/** A field that not every client sends: absent, it has this value. */
export const orElse = <T>(field: Field<T>, fallback: T): Field<T> => ({
  ...field,
  isOptional: true,
  fallback,
})

type Ext = Readonly<Record<string, string>>

/** A field table made ready for the hot path; one per table, see codecOf. */
export interface HeaderCodec<Table extends FieldTable> {
  /** Throws RequestError 29 naming the field that is missing, of the wrong type or out of range. */
  read(ext: Ext | undefined): HeaderOf<Table>
  /** The known fields of an answer that may lack any of them. */
  readPartial(ext: Ext | undefined): Partial<HeaderOf<Table>>
  /** `"topic":"T","queueId":"3"`: the entries of extFields, without braces. Undefined values are left out. */
  toJson(header: Partial<HeaderOf<Table>>): string
  /** Adds the fields to an extFields object. */
  addTo(ext: Record<string, string>, header: Partial<HeaderOf<Table>>): void
}

interface Column {
  readonly name: string
  readonly wireName: string
  /** `"topic":` */
  readonly jsonKey: string
  readonly field: Field<unknown>
}

type Values = Record<string, unknown>
const codecs = new WeakMap<FieldTable, HeaderCodec<FieldTable>>()

export function codecOf<Table extends FieldTable>(table: Table): HeaderCodec<Table> {
  let codec = codecs.get(table)
  if (codec === undefined) {
    codec = compile(table)
    codecs.set(table, codec)
  }
  return codec as unknown as HeaderCodec<Table>
}

function compile(table: FieldTable): HeaderCodec<FieldTable> {
  const columns: Column[] = []
  // Headers start as a copy of this, so that all headers of one table have one shape.
  const blank: Values = {}
  for (const [name, field] of Object.entries(table)) {
    const wireName = field.wireName ?? name
    columns.push({ name, wireName, jsonKey: `${JSON.stringify(wireName)}:`, field })
    blank[name] = field.fallback
  }
  return {
    read(ext) {
      const header: Values = { ...blank }
      for (const column of columns) {
        const text = ext === undefined ? undefined : ext[column.wireName]
        if (text !== undefined) header[column.name] = column.field.decode(text, column.name)
        else if (!column.field.isOptional)
          throw new RequestError(INVALID_PARAMETER, `header field ${labelOf(column)} is missing`)
      }
      return header
    },
    readPartial(ext) {
      const header: Values = {}
      if (ext === undefined) return header
      for (const column of columns) {
        const text = ext[column.wireName]
        if (text !== undefined) header[column.name] = column.field.decode(text, column.name)
      }
      return header
    },
    toJson(header) {
      let json = ''
      for (const column of columns) {
        const value = (header as Values)[column.name]
        if (value === undefined) continue
        const text = column.field.encode(value)
        const quoted = column.field.isFreeText ? JSON.stringify(text) : `"${text}"`
        json += json === '' ? column.jsonKey + quoted : `,${column.jsonKey}${quoted}`
      }
      return json
    },
    addTo(ext, header) {
      for (const column of columns) {
        const value = (header as Values)[column.name]
        if (value !== undefined) ext[column.wireName] = column.field.encode(value)
      }
    },
  }
}

const labelOf = (column: Column): string =>
  column.wireName === column.name ? column.name : `${column.name} (${column.wireName})`

/** Decodes the extFields of a request. Throws RequestError 29. */
export const readHeader = <Table extends FieldTable>(table: Table, ext: Ext | undefined): HeaderOf<Table> =>
  codecOf(table).read(ext)

/** Encodes a header as extFields. */
export function writeHeader<Table extends FieldTable>(
  table: Table,
  header: Partial<HeaderOf<Table>>,
): Record<string, string> {
  const ext: Record<string, string> = Object.create(null)
  codecOf(table).addTo(ext, header)
  return ext
}
