import type { KeyTable, SettingsOf } from '../settings/keys.ts'
import type { Loaded, SettingsInput } from '../settings/load.ts'
import { changeProperties } from '../settings/properties-file.ts'
import { UsageError } from './command-line.ts'
import { type ServerOptions, surroundings } from './server-options.ts'
import { isCode, readText, writeText } from './text-file.ts'

/** Only a file that begins so is read at a start without `-c`: a Java server writes one of the same name. */
const MARK = '# Changed while running; read at a start without -c.'

export interface ServerSettings<K extends KeyTable> {
  readonly loaded: Loaded<K>
  /** Keeps what administrators change (codes 25, 318) for the next start: in the `-c` file, whose other lines stay. */
  store(changes: ReadonlyMap<string, string>): Promise<void>
}

/**
 * Reads the `-c` file, or without one what was changed in an earlier run and stands in `savedFile`. Throws ConfigError and
 * UsageError.
 */
export async function loadServerSettings<K extends KeyTable>(
  load: (input: SettingsInput) => Loaded<K>,
  options: ServerOptions,
  savedFile: (settings: SettingsOf<K>) => string,
): Promise<ServerSettings<K>> {
  const { configFile, namesrvAddr } = options
  const input = {
    files: configFile === undefined ? [] : [{ name: configFile, text: await readConfigFile(configFile) }],
    environment: process.env,
    commandLine: namesrvAddr === undefined ? [] : [{ option: '-n', key: 'namesrvAddr', text: namesrvAddr }],
    surroundings: surroundings(),
  }
  const loaded = load(input)
  if (configFile !== undefined) return { loaded, store: (changes) => store(configFile, '', changes) }

  const path = savedFile(loaded.settings)
  const text = await readText(path)
  const isOurs = text?.startsWith(MARK) === true
  return {
    loaded: isOurs ? load({ ...input, files: [{ name: path, text }] }) : loaded,
    store: (changes) => store(path, MARK, changes),
  }
}

async function store(path: string, mark: string, changes: ReadonlyMap<string, string>): Promise<void> {
  const before = (await readText(path)) ?? ''
  const base = before.startsWith(mark) ? before : `${mark}\n`
  await writeText(path, changeProperties(base, changes))
}

async function readConfigFile(path: string): Promise<string> {
  let text: string | undefined
  try {
    text = await readText(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`cannot read ${path}: ${isCode(error, 'EISDIR') ? 'it is a folder' : reason}`)
  }
  if (text === undefined) throw new UsageError(`cannot read ${path}: there is no such file`)
  return text
}
