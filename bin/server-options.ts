import { homedir, hostname, networkInterfaces } from 'node:os'
import { LOG_LEVELS, type LogFormat, type LogLevel } from '../base/process-log.ts'
import type { Surroundings } from '../settings/keys.ts'
import { oneOf, parseOptions, UsageError } from './command-line.ts'

export interface ServerOptions {
  readonly configFile: string | undefined
  readonly namesrvAddr: string | undefined
  readonly print: 'all' | 'important' | undefined
  readonly isHelp: boolean
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
}

/** Those of RocketMQ's launchers, and how to log. */
const OPTIONS = {
  configFile: { type: 'string', short: 'c' },
  namesrvAddr: { type: 'string', short: 'n' },
  printConfigItem: { type: 'boolean', short: 'p' },
  printImportantConfig: { type: 'boolean', short: 'm' },
  help: { type: 'boolean', short: 'h' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
} as const

/** Throws UsageError. */
export function parseServerOptions(args: readonly string[], isTerminal: boolean): ServerOptions {
  const { values, positionals } = parseOptions(args, OPTIONS)
  if (positionals.length > 0) throw new UsageError(`unknown argument ${positionals[0]}`)
  const logLevel = oneOf('--log-level', values['log-level'] ?? 'info', LOG_LEVELS)
  const logFormat = oneOf('--log-format', values['log-format'] ?? (isTerminal ? 'text' : 'json'), [
    'text',
    'json',
  ])
  let print: ServerOptions['print']
  if (values.printConfigItem === true) print = 'all'
  else if (values.printImportantConfig === true) print = 'important'
  return {
    configFile: values.configFile,
    namesrvAddr: values.namesrvAddr,
    print,
    isHelp: values.help === true,
    logLevel,
    logFormat,
  }
}

/** What defaults depend on. */
export function surroundings(): Surroundings {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal }) => !internal)
  const first = outside.find(({ family }) => family === 'IPv4') ?? outside[0]
  return { hostName: hostname(), homeFolder: homedir(), firstAddress: first?.address ?? '127.0.0.1' }
}
