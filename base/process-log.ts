import type { Logger } from 'winston'
import type { Log, LogFields } from './log.ts'

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFormat = 'text' | 'json'

export interface ProcessLogOptions {
  readonly level: LogLevel
  /** text for people, json for collectors */
  readonly format: LogFormat
  readonly isColored: boolean
  /** Where lines go when the process ends before winston is there. */
  readonly writeSync: (text: string) => void
}

interface Line {
  readonly level: LogLevel
  readonly time: Date
  readonly event: string
  readonly fields: LogFields
}

/** More than any start writes; a process that fails so fast loses none of its first lines. */
const WAITING_LINES_MAX = 1000

/** The log of a process: lines on standard output, through winston, which is loaded when the first line is written. */
export class ProcessLog implements Log {
  readonly #options: ProcessLogOptions
  readonly #isWanted: (level: LogLevel) => boolean
  #waiting: Line[] = []
  #logger: Logger | undefined
  #isLoading = false

  constructor(options: ProcessLogOptions) {
    this.#options = options
    const most = LOG_LEVELS.indexOf(options.level)
    this.#isWanted = (level) => LOG_LEVELS.indexOf(level) <= most
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#write('debug', event, fields)
  }

  info(event: string, fields: LogFields = {}): void {
    this.#write('info', event, fields)
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#write('warn', event, fields)
  }

  error(event: string, fields: LogFields = {}): void {
    this.#write('error', event, fields)
  }

  with(fields: LogFields): Log {
    return logWith(this, fields)
  }

  /** Writes at once what still waits; for the end of the process. */
  flushSync(): void {
    const lines = this.#waiting
    this.#waiting = []
    if (lines.length > 0)
      this.#options.writeSync(lines.map((line) => `${formatLine(line, this.#options)}\n`).join(''))
  }

  #write(level: LogLevel, event: string, fields: LogFields): void {
    if (!this.#isWanted(level)) return
    const line = { level, time: new Date(), event, fields }
    if (this.#logger !== undefined) this.#hand(this.#logger, line)
    else if (this.#waiting.length < WAITING_LINES_MAX) {
      this.#waiting.push(line)
      if (!this.#isLoading) void this.#load()
    }
  }

  async #load(): Promise<void> {
    this.#isLoading = true
    const { createLogger, format, transports } = await import('winston')
    const logger = createLogger({
      levels: Object.fromEntries(LOG_LEVELS.map((level, severity) => [level, severity])),
      level: this.#options.level,
      format: format.printf(({ line }) => formatLine(line as Line, this.#options)),
      transports: [new transports.Console()],
    })
    const lines = this.#waiting
    this.#waiting = []
    this.#logger = logger
    for (const line of lines) this.#hand(logger, line)
  }

  #hand(logger: Logger, line: Line): void {
    logger.log({ level: line.level, message: line.event, line })
  }
}

function logWith(log: Log, fields: LogFields): Log {
  return {
    debug: (event, more) => log.debug(event, { ...fields, ...more }),
    info: (event, more) => log.info(event, { ...fields, ...more }),
    warn: (event, more) => log.warn(event, { ...fields, ...more }),
    error: (event, more) => log.error(event, { ...fields, ...more }),
    with: (more) => logWith(log, { ...fields, ...more }),
  }
}

/** One line of either format. Text that came from a peer cannot start a line of its own: it stands as JSON. */
export function formatLine(line: Line, options: Pick<ProcessLogOptions, 'format' | 'isColored'>): string {
  const { level, time, event, fields } = line
  if (options.format === 'json') {
    const named = { time: time.toISOString(), level, event }
    // A field of one of these names does not overwrite it.
    return JSON.stringify({ ...named, ...fields, ...named }, plain)
  }
  const name = options.isColored
    ? `${COLORS[level]}${level.toUpperCase().padEnd(5)}\u001b[0m`
    : level.toUpperCase().padEnd(5)
  let text = `${localTime(time)} ${name} ${event}`
  for (const [key, value] of Object.entries(fields))
    if (value !== undefined) text += ` ${key}=${valueText(value)}`
  return text
}

const COLORS: Readonly<Record<LogLevel, string>> = {
  error: '\u001b[31m',
  warn: '\u001b[33m',
  info: '\u001b[32m',
  debug: '\u001b[90m',
}

/** Errors and large integers have no JSON of their own. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.stack ?? String(value)
  return typeof value === 'bigint' ? String(value) : value
}

/** A word as it is, anything else as JSON, with what a terminal could take for a command as escapes. */
function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[!#-<>-~]+$/.test(value)) return value
  const json = JSON.stringify(value, plain) ?? String(value)
  return json.replace(
    /[\p{Cc}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** `2026-05-07 09:03:01.042`, in the time zone of the machine. */
function localTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
  return `${day} ${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`
}
