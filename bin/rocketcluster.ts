import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { didYouMean } from '../settings/nearest.ts'
import { UsageError } from './command-line.ts'
import { reportAndExit } from './server-run.ts'

const name = 'rocketcluster'
const HELP = `rocketcluster: RocketMQ-compatible clusters

  rocketcluster up [options]   run the cluster of a manifest on this machine, in the foreground
  rocketcluster version        print the version
  rocketcluster help           print this

Options of a command: rocketcluster up --help`

type Command = (args: readonly string[]) => Promise<void>
const COMMANDS: Readonly<Record<string, Command>> = {
  up: async (args) => (await import('./up-command.ts')).upCommand(args),
  version: async () => console.log(version()),
  help: async () => console.log(HELP),
}

/** What people try before they know the commands. */
const OPTIONS: Readonly<Record<string, string>> = {
  '-h': 'help',
  '--help': 'help',
  '-v': 'version',
  '--version': 'version',
}

function version(): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

async function main(): Promise<void> {
  const [asked = 'help', ...args] = process.argv.slice(2)
  const commandName = (Object.hasOwn(OPTIONS, asked) ? OPTIONS[asked] : undefined) ?? asked
  const command = Object.hasOwn(COMMANDS, commandName) ? COMMANDS[commandName] : undefined
  if (command === undefined)
    throw new UsageError(`unknown command ${asked}${didYouMean(asked, Object.keys(COMMANDS))}`)
  await command(args)
}

main().catch((error: unknown) => reportAndExit(name, error))
