import type { KeySet, KeyTable, SettingsOf, SettingValue } from './keys.ts'
import { ConfigError, crossProblems, type Problem } from './load.ts'
import { didYouMean } from './nearest.ts'
import { parseValue } from './value.ts'

export interface Changes {
  /** Name → text as it is to be saved, only what differs from before. */
  readonly changed: ReadonlyMap<string, string>
  /** Those of them that take effect at the next start. */
  readonly needRestart: readonly string[]
}

/**
 * Changes settings while the process runs, as administrators ask for (codes 25 and 318): all of them or, when one is
 * not allowed, none (ConfigError). Who holds the settings object sees the new values. Keys that name paths, addresses
 * or the broker itself, and those of `configBlackList`, cannot be changed.
 */
export function changeSettings<K extends KeyTable>(
  keySet: KeySet<K>,
  settings: SettingsOf<K>,
  asked: Iterable<readonly [key: string, text: string]>,
): Changes {
  const current = settings as Record<string, SettingValue>
  const blackList = String(current.configBlackList ?? '').split(';')
  const problems: Problem[] = []
  const values = new Map<string, SettingValue>()
  for (const [name, text] of asked) {
    const { problem, isForbidden, value } = judge(keySet, blackList, name, text, current[name])
    if (problem !== undefined) problems.push({ place: '', key: name, problem, isForbidden })
    else if (value !== undefined && value !== current[name]) values.set(name, value)
  }
  if (problems.length === 0)
    problems.push(...crossProblems(keySet, { ...current, ...Object.fromEntries(values) }))
  if (problems.length > 0) throw new ConfigError(problems)
  for (const [name, value] of values) current[name] = value
  return {
    changed: new Map([...values].map(([name, value]) => [name, String(value)])),
    needRestart: [...values.keys()].filter((name) => keySet.keys[name]?.change === 'restart'),
  }
}

/** The value to set, or what is wrong with it, or neither for a key without effect. */
function judge(
  keySet: KeySet,
  blackList: readonly string[],
  name: string,
  text: string,
  current: SettingValue | undefined,
): {
  readonly value?: SettingValue | undefined
  readonly problem?: string | undefined
  readonly isForbidden?: boolean
} {
  const key = Object.hasOwn(keySet.keys, name) ? keySet.keys[name] : undefined
  const isFixed = key?.change === 'never' && text.trim() !== String(current)
  if (blackList.includes(name) || isFixed)
    return { problem: 'cannot be changed while the process runs', isForbidden: true }
  if (key !== undefined) return parseValue(key, text)
  const known = keySet.ignored.get(name)
  if (known === undefined) return { problem: `unknown key${didYouMean(name, Object.keys(keySet.keys))}` }
  // Tools send whole files: what has no effect is taken without a word, unless it would break a promise.
  return known.whenSet === 'refused' && text.trim().toLowerCase() !== known.default.toLowerCase()
    ? { problem: `${JSON.stringify(text.trim())} cannot be done: ${known.reason}` }
    : {}
}

/** All settings as the answers to GET_BROKER_CONFIG and GET_NAMESRV_CONFIG carry them: a properties file. */
export function settingsText<K extends KeyTable>(keySet: KeySet<K>, settings: SettingsOf<K>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
  for (const key of keySet.ignored.values()) lines.push(`${key.name}=${key.default}\n`)
  return lines.join('')
}
