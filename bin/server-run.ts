import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { systemClock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { ProcessLog } from '../base/process-log.ts'
import { systemTimer } from '../base/timer.ts'
import type { Timestamp } from '../base/units.ts'
import { ConfigError, formatProblem, type Loaded } from '../settings/load.ts'
import { UsageError } from './command-line.ts'
import type { ServerOptions } from './server-options.ts'

export const EXIT_FAILED = 1
export const EXIT_USAGE = 2
const KEEP_CODE_AFTER_MS = 1000

/** A started server as the process sees it. */
export interface Running {
  readonly tickIntervalMs: number
  /** Longer than a stop may take; then the process ends without it. */
  readonly stopLimitMs: number
  tick(now: Timestamp): void
  stop(): Promise<void>
}

export interface ServerProgram {
  /** As people call it: mqbroker. */
  readonly name: string
  /** Resolves when the server serves. `fail` is for what happens later and leaves no way to go on. */
  start(log: Log, fail: (error: Error) => void): Promise<Running>
}

export function openLog({ logLevel, logFormat }: ServerOptions): ProcessLog {
  const isColored = process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === ''
  return new ProcessLog({
    level: logLevel,
    format: logFormat,
    isColored,
    writeSync: (text) => writeSync(process.stdout.fd, text),
  })
}

/** The line that RocketMQ's users and their scripts wait for, and a message for the process that started us. */
export function announce(line: string, address: { readonly host: string; readonly port: number }): void {
  console.log(line)
  // A parent that went away in this moment is noticed by the closing of the channel.
  if (process.connected) process.send?.({ ready: address }, () => undefined)
}

/**
 * Runs a server until a signal: SIGINT and SIGTERM stop it in order, a second one at once. A parent process that is
 * connected (`rocketcluster up`) and goes away counts as a signal.
 */
export async function runServer(program: ServerProgram, log: ProcessLog): Promise<void> {
  const end = (code: number): never => {
    log.flushSync()
    process.exit(code)
  }
  const fail = (error: Error): never => {
    log.error('process.failed', { reason: error.message, stack: error.stack })
    return end(EXIT_FAILED)
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', (reason) =>
    fail(reason instanceof Error ? reason : new Error(String(reason))),
  )
  // Who reads our output may end before us.
  process.stdout.on('error', () => undefined)
  // The launcher saw that nohup is in force, which Node has undone.
  if (process.env.ROCKETCLUSTER_NOHUP === '1') process.on('SIGHUP', () => undefined)

  let running: Running | undefined
  let isStopping = false
  const stop = (reason: string): void => {
    if (isStopping) return
    isStopping = true
    log.info('process.stopping', { reason })
    // Nothing is open yet: whatever start() does next ends with the process.
    if (running === undefined) end(0)
    else stopOrderly(running)
  }
  const stopOrderly = (running: Running): void => {
    systemTimer.after(running.stopLimitMs, () => fail(new Error('the stop took too long')))
    running.stop().then(() => end(0), fail)
  }
  const onSignal = (reason: NodeJS.Signals): void => {
    if (isStopping) {
      log.warn('process.stopped-at-once', { reason })
      end(EXIT_FAILED)
    }
    stop(reason)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  // False, and not undefined, where there was a channel that closed before we came here.
  if (process.connected === false) stop('the parent process is gone')
  process.on('disconnect', () => stop('the parent process is gone'))

  try {
    running = await program.start(log, fail)
  } catch (error) {
    reportAndExit(program.name, error, log)
  }
  // Node keeps compiled code when a process ends; so it is there for the next one also after a kill.
  systemTimer.after(KEEP_CODE_AFTER_MS, flushCompileCache)
  const { tickIntervalMs, tick } = running
  systemTimer.every(tickIntervalMs, () => {
    if (!isStopping) tick(systemClock.now())
  })
}

/** One clear line for what people can put right, a stack for what they cannot. */
export function reportAndExit(name: string, error: unknown, log?: ProcessLog): never {
  log?.flushSync()
  if (error instanceof ConfigError) {
    for (const problem of error.problems) console.error(`${name}: ${formatProblem(problem)}`)
    process.exit(EXIT_USAGE)
  }
  if (error instanceof UsageError) {
    console.error(`${name}: ${error.message}\nOptions: ${name} --help`)
    process.exit(EXIT_USAGE)
  }
  console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`)
  if (error instanceof Error && isUnexpected(error)) console.error(error.stack)
  process.exit(EXIT_FAILED)
}

/** Errors that JavaScript itself throws are bugs of ours; ours and the system's explain themselves. */
const isUnexpected = (error: Error): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError

export function warnAll(log: Log, warnings: Loaded<Record<never, never>>['warnings']): void {
  for (const warning of warnings)
    log.warn('settings.warning', { place: warning.place, key: warning.key, problem: warning.problem })
}
