import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { portOwner } from '../remoting/port-owner.ts'

export interface FoundProcess {
  readonly pid: number
  /** Arguments behind the program file: `-n localhost:9876 -c conf/broker.conf`. */
  readonly args: readonly string[]
}

/**
 * The processes of this user that run `program` (`broker`, `nameserver`), whichever checkout or installation they come from,
 * as /proc shows them. Throws where there is no /proc, with what to do instead.
 */
export function findProcesses(
  program: string,
  { proc = '/proc', uid = process.getuid?.() } = {},
): FoundProcess[] {
  if (!existsSync(`${proc}/self`) && proc === '/proc')
    throw new Error('processes can be found on Linux only; stop the server with Ctrl-C or kill')
  const found: FoundProcess[] = []
  for (const name of readdirSync(proc)) {
    if (!/^\d+$/.test(name)) continue
    const args = argumentsOf(`${proc}/${name}`, uid)
    const at = args.findIndex((arg) => isProgram(arg, program))
    // Behind node and its flags: an editor with the file open has it as an argument, too, but is no node.
    if (at >= 1 && /^node(js)?$/.test(basename(args[0] ?? '')) && args.slice(1, at).every(isFlag))
      found.push({ pid: Number(name), args: args.slice(at + 1) })
  }
  return found.sort((a, b) => a.pid - b.pid)
}

const isProgram = (arg: string, program: string): boolean =>
  arg.endsWith(`bin/${program}.ts`) || arg.endsWith(`bin/${program}.js`)

const isFlag = (arg: string): boolean => arg.startsWith('-')

/**
 * Who listens on a port, in words that tell what to stop: `node bin/broker.ts (pid 4711)`, `java …NamesrvStartup (pid 4711)`.
 * Undefined where the system does not tell.
 */
export function ownerOf(port: number, proc = '/proc'): string | undefined {
  const owner = portOwner(port)
  const pid = /\(pid (\d+)\)$/.exec(owner ?? '')?.[1]
  if (pid === undefined) return owner
  const [command = '', ...args] = argumentsOf(`${proc}/${pid}`, undefined)
  if (command === '') return owner
  const main = args.find((arg) => isProgramFile(arg) || isMainClass(arg))
  return `${basename(command)}${main === undefined ? '' : ` ${shortened(main)}`} (pid ${pid})`
}

const isProgramFile = (arg: string): boolean => /\.(ts|js|mjs|cjs|py|rb|jar)$/.test(arg)
const isMainClass = (arg: string): boolean => /^([a-z_][\w]*\.)+[A-Z]\w*$/.test(arg)

/** The last two parts of a path. */
const shortened = (arg: string): string => arg.split('/').slice(-2).join('/')

/** Nothing for processes of others and for those that ended meanwhile. */
function argumentsOf(folder: string, uid: number | undefined): readonly string[] {
  try {
    if (uid !== undefined && statSync(folder).uid !== uid) return []
    return readFileSync(`${folder}/cmdline`, 'utf8').split('\0').slice(0, -1)
  } catch {
    return []
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
