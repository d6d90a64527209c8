import type { KeySet, KeyTable, SettingsOf } from './keys.ts'
import type { Loaded } from './load.ts'

/**
 * What `-p` (all keys) and `-m` (important ones) print: `key=value`, so that it can be searched as with RocketMQ, then
 * unit, the place that set it, and default. Lines that begin with `#` are for people.
 */
export function printSettings<K extends KeyTable>(
  keySet: KeySet<K>,
  loaded: Loaded<K>,
  which: 'all' | 'important',
): string {
  const rows: string[][] = [['# key=value', 'unit', 'from', 'default']]
  for (const [name, key] of Object.entries(keySet.keys)) {
    if (which === 'important' && !key.isImportant) continue
    const value = String(loaded.settings[name as keyof SettingsOf<K>])
    rows.push([`${name}=${value}`, key.unit, loaded.sources.get(name) ?? '', key.defaultText])
  }
  const text = columns(rows)
  return which === 'important' ? text : `${text}\n${withoutEffect(keySet, loaded)}`
}

/** Keys of RocketMQ that do nothing here, by reason. */
function withoutEffect<K extends KeyTable>(keySet: KeySet<K>, loaded: Loaded<K>): string {
  const byReason = new Map<string, string[]>()
  for (const { name, default: byDefault, reason } of keySet.ignored.values()) {
    const names = byReason.get(reason) ?? []
    if (names.length === 0) byReason.set(reason, names)
    names.push(`#   ${name}=${loaded.ignored.get(name) ?? byDefault}`)
  }
  let text = '# Keys of RocketMQ that are accepted and have no effect here:\n'
  for (const [reason, names] of byReason) text += `# ${reason}\n${names.join('\n')}\n`
  return text
}

/** Text in columns, two blanks apart, none at the ends of lines. A long value does not push the others away. */
export function columns(rows: readonly (readonly string[])[], widthMax = 48): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [at, cell] of row.entries())
      if (cell.length <= widthMax) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  return rows
    .map((row) => {
      const line = row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')
      return `${line.trimEnd()}\n`
    })
    .join('')
}
