import type { KeySet, KeyTable, SettingsOf, SettingValue, Surroundings } from './keys.ts'
import { nearest } from './nearest.ts'
import { PropertiesError, parseProperties } from './properties-file.ts'
import { parseValue } from './value.ts'

export interface Problem {
  /** File, environment variable or option that holds the value. */
  readonly place: string
  readonly key: string
  readonly problem: string
  /** Not the value is wrong: the key may not be changed at all. */
  readonly isForbidden?: boolean | undefined
}

/** The configuration cannot be used: every problem of it, not only the first one. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

export const formatProblem = ({ place, key, problem }: Problem): string =>
  [place, key, problem].filter((part) => part !== '').join(': ')

export interface SettingsInput {
  /** From weak to strong: a later file overrules an earlier one. */
  readonly files: readonly { readonly name: string; readonly text: string }[]
  /** Overruled by files, as in RocketMQ. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Option → key and text: what was said on the command line overrules everything. */
  readonly commandLine: readonly { readonly option: string; readonly key: string; readonly text: string }[]
  readonly surroundings: Surroundings
}

export interface Loaded<K extends KeyTable> {
  readonly settings: SettingsOf<K>
  /** Key → where its value came from: `default`, `broker.conf:12`, `environment NAMESRV_ADDR`, `option -n`. */
  readonly sources: ReadonlyMap<string, string>
  /** What the reader should know: unknown keys, keys without effect, repeated keys. */
  readonly warnings: readonly Problem[]
  /** Keys without effect that were set, with their text. */
  readonly ignored: ReadonlyMap<string, string>
}

interface Given {
  readonly place: string
  readonly key: string
  readonly text: string
}

/** Reads all layers. Throws ConfigError when a value is not allowed. */
export function loadSettings<K extends KeyTable>(keySet: KeySet<K>, input: SettingsInput): Loaded<K> {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const chosen: Record<string, SettingValue> = {}
  const sources = new Map<string, string>()
  const ignored = new Map<string, string>()
  const names = nameTable(keySet.keys)

  for (const given of allGiven(keySet, input, problems, warnings)) {
    const name = names.get(given.key)
    const key = name === undefined ? undefined : keySet.keys[name]
    if (name === undefined || key === undefined) {
      judgeIgnored(keySet, given, ignored, problems, warnings)
      continue
    }
    // An empty text is how RocketMQ's own files leave a key to its default.
    if (given.text.trim() === '') continue
    const parsed = parseValue(key, given.text)
    if (parsed.problem !== undefined)
      problems.push({ place: given.place, key: given.key, problem: parsed.problem })
    else {
      chosen[name] = parsed.value
      sources.set(name, given.place)
    }
  }

  const settings = fillIn(keySet.keys, chosen, sources, input.surroundings)
  if (problems.length === 0) problems.push(...crossProblems(keySet, settings, sources))
  if (problems.length > 0) throw new ConfigError(problems)
  return { settings: settings as SettingsOf<K>, sources, warnings, ignored }
}

/** What is wrong between keys; places are those of `sources`. */
export function crossProblems(
  keySet: KeySet,
  settings: Record<string, SettingValue>,
  sources?: ReadonlyMap<string, string>,
): Problem[] {
  const problems: Problem[] = []
  for (const check of keySet.crossChecks) {
    const found = check(settings)
    if (found === undefined) continue
    const text = JSON.stringify(settings[found.key])
    problems.push({
      place: sources?.get(found.key) ?? '',
      key: found.key,
      problem: `${text}; allowed: ${found.problem}`,
    })
  }
  return problems
}

/** Spelling → name of the key. */
function nameTable(keys: KeyTable): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const [name, key] of Object.entries(keys)) {
    names.set(name, name)
    for (const alias of key.aliases) names.set(alias, name)
  }
  return names
}

/** Everything that somebody said, from weak to strong. */
function allGiven(keySet: KeySet, input: SettingsInput, problems: Problem[], warnings: Problem[]): Given[] {
  const given: Given[] = []
  // The first variable wins, so the last one is read first.
  for (const [variable, key] of [...keySet.environment].reverse()) {
    const text = input.environment[variable]
    if (text !== undefined && text.trim() !== '') given.push({ place: `environment ${variable}`, key, text })
  }
  for (const file of input.files) {
    try {
      const seen = new Map<string, number>()
      for (const { key, value, line } of parseProperties(file.text)) {
        const before = seen.get(key)
        const place = `${file.name}:${line}`
        if (before !== undefined)
          warnings.push({ place, key, problem: `stands in line ${before}, too; this one counts` })
        seen.set(key, line)
        given.push({ place, key, text: value })
      }
    } catch (error) {
      if (!(error instanceof PropertiesError)) throw error
      problems.push({ place: `${file.name}:${error.line}`, key: '', problem: error.message })
    }
  }
  for (const { option, key, text } of input.commandLine) given.push({ place: `option ${option}`, key, text })
  return given
}

/** A key that has no effect, or that nobody knows. */
function judgeIgnored(
  keySet: KeySet,
  { place, key, text }: Given,
  ignored: Map<string, string>,
  problems: Problem[],
  warnings: Problem[],
): void {
  const known = keySet.ignored.get(key)
  if (known === undefined) {
    const spellings = Object.entries(keySet.keys).flatMap(([name, { aliases }]) => [name, ...aliases])
    const meant = nearest(key, [...spellings, ...keySet.ignored.keys()])
    const hint = meant === undefined ? '' : `, did you mean ${meant}?`
    warnings.push({ place, key, problem: `unknown key, it has no effect${hint}` })
    return
  }
  const trimmed = text.trim()
  ignored.set(key, trimmed)
  const isDefault = trimmed === '' || trimmed.toLowerCase() === known.default.toLowerCase()
  if (isDefault || known.whenSet === 'silent') return
  if (known.whenSet === 'warning') warnings.push({ place, key, problem: `no effect: ${known.reason}` })
  else
    problems.push({
      place,
      key,
      problem: `${JSON.stringify(trimmed)} cannot be done: ${known.reason}; allowed: ${known.default}`,
    })
}

function fillIn(
  keys: KeyTable,
  chosen: Record<string, SettingValue>,
  sources: Map<string, string>,
  surroundings: Surroundings,
): Record<string, SettingValue> {
  const settings: Record<string, SettingValue> = {}
  for (const [name, key] of Object.entries(keys)) {
    const value = chosen[name]
    settings[name] = value ?? key.derive?.(chosen, surroundings) ?? key.default
    if (value === undefined) sources.set(name, 'default')
  }
  return settings
}
