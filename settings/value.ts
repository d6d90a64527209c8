import type { Key, SettingValue } from './keys.ts'

/** What a text says for a key, or what is wrong with it: the text and everything that is allowed. */
export type ParsedValue =
  | { readonly value: SettingValue; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string }

/** Blanks around the text do not count, as everybody expects; values that do not fit are refused, never ignored. */
export function parseValue(key: Key, text: string): ParsedValue {
  const trimmed = text.trim()
  const value = readValue(key, trimmed)
  if (value === undefined) return { problem: `${JSON.stringify(trimmed)}; allowed: ${allowedText(key)}` }
  const wrong = value === '' ? undefined : key.check(value)
  if (wrong !== undefined) return { problem: `${JSON.stringify(trimmed)}; allowed: ${wrong}` }
  return { value }
}

function readValue(key: Key, text: string): SettingValue | undefined {
  if (key.type === 'text') return text
  if (key.type === 'choice')
    return key.values.find((value) => String(value).toLowerCase() === text.toLowerCase())
  if (key.type === 'boolean') {
    if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
    return undefined
  }
  if (!/^[+-]?\d{1,16}$/.test(text)) return undefined
  const number = Number(text)
  return number >= key.min && number <= key.max ? number : undefined
}

/** For errors and for `-p`: `a whole number from 1 to 1024 (ms)`. */
export function allowedText(key: Key): string {
  if (key.type === 'choice') return key.values.join(', ')
  if (key.type === 'boolean') return 'true or false'
  if (key.type === 'text') return 'text'
  const unit = key.unit === '' ? '' : ` (${key.unit})`
  return key.max === Number.MAX_SAFE_INTEGER
    ? `a whole number from ${key.min}${unit}`
    : `a whole number from ${key.min} to ${key.max}${unit}`
}
