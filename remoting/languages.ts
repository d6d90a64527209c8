/** Language codes (protocol §1.4): JSON headers carry the name, binary headers the index. */
export const LANGUAGES = [
  'JAVA',
  'CPP',
  'DOTNET',
  'PYTHON',
  'DELPHI',
  'ERLANG',
  'RUBY',
  'OTHER',
  'HTTP',
  'GO',
  'PHP',
  'OMS',
  'RUST',
  'NODE_JS',
] as const

export const JAVA = 0
export const CPP = 1
export const OTHER = 7
export const GO = 9
export const NODE_JS = 13

const CODES: ReadonlyMap<unknown, number> = new Map(LANGUAGES.map((name, code) => [name, code]))

/** An unknown name is OTHER; old peers send the index even in JSON. */
export function languageCode(name: unknown): number {
  if (typeof name === 'number') return languageOf(name)
  return CODES.get(name) ?? OTHER
}

/** An index from a binary header, OTHER when it is none. */
export const languageOf = (code: number): number => (LANGUAGES[code] === undefined ? OTHER : code)

export const languageName = (code: number): string => LANGUAGES[code] ?? 'OTHER'
