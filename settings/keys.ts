/**
 * How configuration keys are declared: once, with everything that reading, checking, printing and documenting a key
 * needs. The settings' types come from the same tables. Names and defaults are RocketMQ's where RocketMQ has the key.
 */
export type SettingValue = string | number | boolean

/** May a key change while the process runs, by an admin request (codes 25, 318)? `never`: paths, addresses, identity. */
export type Change = 'live' | 'restart' | 'never'

/** What a default may depend on; handed in, so that the same file gives the same settings in a test. */
export interface Surroundings {
  readonly hostName: string
  readonly homeFolder: string
  /** First address that is not loopback; loopback when there is no other. */
  readonly firstAddress: string
}

/** Keys that were given a value, by name; the others are absent. */
export type Chosen = Readonly<Record<string, SettingValue | undefined>>

export interface Key<T extends SettingValue = SettingValue> {
  readonly type: 'number' | 'boolean' | 'text' | 'choice'
  readonly default: T
  /** Of a number: `ms`, `bytes`, `hours`, `%` …; empty when it has none. */
  readonly unit: string
  readonly min: number
  readonly max: number
  /** The only legal values, when there are only some. Compared without regard to case. */
  readonly values: readonly T[]
  /** Shown by `-m`. */
  readonly isImportant: boolean
  readonly change: Change
  readonly meaning: string
  /** Other spellings that are accepted in files. */
  readonly aliases: readonly string[]
  /** The default, where it depends on other keys or the machine; `defaultText` describes it. */
  readonly derive: ((chosen: Chosen, surroundings: Surroundings) => T) | undefined
  readonly defaultText: string
  /** What is wrong with a value that has the right type, or undefined. */
  check(value: SettingValue): string | undefined
}

export type KeyTable = Readonly<Record<string, Key>>

export type SettingsOf<K extends KeyTable> = {
  readonly [Name in keyof K]: K[Name] extends Key<infer T> ? T : never
}

/** A key of RocketMQ that does nothing here. */
export interface IgnoredKey {
  readonly name: string
  /** RocketMQ's default, as text. */
  readonly default: string
  /** Why it has no effect. */
  readonly reason: string
  /**
   * What happens when it is set to something else than its default: nothing (it only tuned the Java implementation), a
   * warning (it asks for something that this version does not do), or the start is refused (going on without would
   * break a promise that the operator of the broker relies on).
   */
  readonly whenSet: 'silent' | 'warning' | 'refused'
}

/** Everything that one kind of configuration file may hold. */
export interface KeySet<K extends KeyTable = KeyTable> {
  readonly keys: K
  readonly ignored: ReadonlyMap<string, IgnoredKey>
  /** Environment variable → key, the first set one wins. */
  readonly environment: readonly (readonly [variable: string, key: string])[]
  /** What a single key cannot see: problems between keys, named by the key to change. */
  readonly crossChecks: readonly ((settings: Record<string, SettingValue>) => CrossProblem | undefined)[]
}

export interface CrossProblem {
  readonly key: string
  readonly problem: string
}

interface Described<T extends SettingValue> {
  readonly meaning: string
  readonly unit?: string
  readonly isImportant?: boolean
  /** `live` when absent. */
  readonly change?: Change
  readonly aliases?: readonly string[]
  readonly derive?: (chosen: Chosen, surroundings: Surroundings) => T
  readonly defaultText?: string
  readonly check?: (value: T) => string | undefined
}

interface Range {
  readonly min?: number
  readonly max?: number
}

export function key<const V extends string>(
  spec: Described<V> & { readonly default: NoInfer<V>; readonly values: readonly V[] },
): Key<V>
export function key(spec: Described<number> & Range & { readonly default: number }): Key<number>
export function key(spec: Described<boolean> & { readonly default: boolean }): Key<boolean>
export function key(spec: Described<string> & { readonly default: string }): Key<string>
export function key<T extends SettingValue>(
  spec: Described<T> & Range & { readonly default: T; readonly values?: readonly T[] },
): Key<T> {
  const { check } = spec
  return {
    type: typeOf(spec.default, spec.values),
    default: spec.default,
    unit: spec.unit ?? '',
    min: spec.min ?? 0,
    max: spec.max ?? Number.MAX_SAFE_INTEGER,
    values: spec.values ?? [],
    isImportant: spec.isImportant ?? false,
    change: spec.change ?? 'live',
    meaning: spec.meaning,
    aliases: spec.aliases ?? [],
    derive: spec.derive,
    defaultText: spec.defaultText ?? String(spec.default),
    check: check === undefined ? () => undefined : (value) => check(value as T),
  }
}

function typeOf(value: SettingValue, values: readonly SettingValue[] | undefined): Key['type'] {
  if (values !== undefined) return 'choice'
  if (typeof value === 'number') return 'number'
  return typeof value === 'boolean' ? 'boolean' : 'text'
}

/** Declares many ignored keys that share a reason: `name=default` separated by white space. */
export function ignoredKeys(
  reason: string,
  whenSet: IgnoredKey['whenSet'],
  pairs: string,
): readonly (readonly [string, IgnoredKey])[] {
  return pairs
    .trim()
    .split(/\s+/)
    .map((pair) => {
      const at = pair.indexOf('=')
      const name = pair.slice(0, at)
      return [name, { name, default: pair.slice(at + 1), reason, whenSet }]
    })
}
