/**
 * The grammar of Java's properties files (java.util.Properties.load): `#` and `!` comments, `=`, `:` or blanks between
 * key and value, a backslash at the end continues a line, `\t \n \r \f \uXXXX` and any other escaped character.
 * Unlike Java's reader, text is UTF-8. Blanks at the end of a value belong to it.
 */
export interface Property {
  readonly key: string
  readonly value: string
  /** Where it stands, counted from 1; the last line differs when it is continued. */
  readonly line: number
  readonly lastLine: number
}

/** The text is no properties file. */
export class PropertiesError extends Error {
  override name = 'PropertiesError'
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

const isBlank = (character: string | undefined): boolean =>
  character === ' ' || character === '\t' || character === '\f'

/** All entries in the order of the file, repeated keys included. Throws PropertiesError for a broken `\u` escape. */
export function parseProperties(text: string): readonly Property[] {
  const lines = linesOf(text)
  const properties: Property[] = []
  for (let at = 0; at < lines.length; at++) {
    const first = at
    let logical = trimStart(lines[at] ?? '')
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue
    while (isContinued(logical)) {
      logical = logical.slice(0, -1)
      if (at + 1 >= lines.length) break
      at += 1
      logical += trimStart(lines[at] ?? '')
    }
    // A lone backslash is an empty logical line.
    if (logical === '') continue
    properties.push({ ...splitEntry(logical, first + 1), line: first + 1, lastLine: at + 1 })
  }
  return properties
}

/** The same text with these keys set: comments, order and everything else stay. New keys are added at the end. */
export function changeProperties(text: string, changes: ReadonlyMap<string, string>): string {
  const lines: (string | undefined)[] = [...linesOf(text)]
  if (lines.at(-1) === '') lines.pop()
  const left = new Map(changes)
  // From the end: of a key that stands there twice the last one counts.
  for (const property of [...parseProperties(text)].reverse()) {
    const value = left.get(property.key)
    if (value === undefined) continue
    left.delete(property.key)
    lines.fill(undefined, property.line - 1, property.lastLine)
    lines[property.line - 1] = formatProperty(property.key, value)
  }
  for (const [key, value] of left) lines.push(formatProperty(key, value))
  return lines
    .filter((line) => line !== undefined)
    .map((line) => `${line}\n`)
    .join('')
}

/** One entry on one line, escaped so that parseProperties and Java read it back. */
export function formatProperty(key: string, value: string): string {
  return `${encodeEscapes(key, true)}=${encodeEscapes(value, false)}`
}

function linesOf(text: string): readonly string[] {
  return (text.startsWith('\uFEFF') ? text.slice(1) : text).split(/\r\n|\r|\n/)
}

function trimStart(line: string): string {
  let at = 0
  while (isBlank(line[at])) at += 1
  return line.slice(at)
}

function isContinued(line: string): boolean {
  let backslashes = 0
  while (line[line.length - 1 - backslashes] === '\\') backslashes += 1
  return backslashes % 2 === 1
}

function splitEntry(line: string, lineNumber: number): { key: string; value: string } {
  let end = 0
  while (end < line.length && line[end] !== '=' && line[end] !== ':' && !isBlank(line[end]))
    end += line[end] === '\\' ? 2 : 1
  let start = end
  while (isBlank(line[start])) start += 1
  if (line[start] === '=' || line[start] === ':') {
    start += 1
    while (isBlank(line[start])) start += 1
  }
  return {
    key: decodeEscapes(line.slice(0, end), lineNumber),
    value: decodeEscapes(line.slice(start), lineNumber),
  }
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function decodeEscapes(text: string, lineNumber: number): string {
  if (!text.includes('\\')) return text
  let result = ''
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') {
      result += text[at]
      continue
    }
    at += 1
    const letter = text[at] ?? ''
    if (letter !== 'u') {
      result += ESCAPES[letter] ?? letter
      continue
    }
    const hex = text.slice(at + 1, at + 5)
    if (!/^[0-9a-fA-F]{4}$/.test(hex))
      throw new PropertiesError(lineNumber, `"\\u${hex}" is no character: \\u takes four hexadecimal digits`)
    result += String.fromCharCode(Number.parseInt(hex, 16))
    at += 4
  }
  return result
}

const ESCAPED: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\f': '\\f',
}

function encodeEscapes(text: string, isKey: boolean): string {
  let result = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    const code = character.charCodeAt(0)
    if (ESCAPED[character] !== undefined) result += ESCAPED[character]
    else if (character === ' ' && (isKey || at === 0)) result += '\\ '
    else if (isKey && '=:#!'.includes(character)) result += `\\${character}`
    else if (code < 32 || code > 126) result += `\\u${code.toString(16).padStart(4, '0')}`
    else result += character
  }
  return result
}
