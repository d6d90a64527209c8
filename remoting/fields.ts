import { RequestError } from './errors.ts'

/**
 * A header is declared as data: one line a field, the type inferred. On the wire every field is a string in
 * extFields under its Java field name, or under the letter given (`string('a')`, protocol §2.1).
 * Lenient on input as Java is: absent required fields decode to undefined only where a handler allows for it (optional);
 * JSON numbers and booleans have become strings in command.ts before this sees them.
 */
export interface Field<T> {
  /** Key in extFields when it is not the property's own name. */
  readonly wireName: string | undefined
  readonly isOptional: boolean
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

function integer(wireName: string | undefined, min: number, max: number, allowed: string): Field<number> {
  return {
    wireName,
    isOptional: false,
    decode(text, name) {
      const value = Number(text)
      if (!Number.isInteger(value) || value < min || value > max || text.trim() === '')
        throw invalid(name, text, allowed)
      return value
    },
    encode: String,
  }
}

export const string = (wireName?: string): Field<string> => ({
  wireName,
  isOptional: false,
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

/** Java's Boolean.parseBoolean: "true" in any case is true, everything else is false. */
export const bool = (wireName?: string): Field<boolean> => ({
  wireName,
  isOptional: false,
  decode: (text) => text === 'true' || text.toLowerCase() === 'true',
  encode: String,
})

export const optional = <T>(field: Field<T>): Field<T | undefined> => ({
  wireName: field.wireName,
  isOptional: true,
  decode: field.decode,
  encode: (value) => field.encode(value as T),
})
