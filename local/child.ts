import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Random } from '../base/clock.ts'
import type { Timer } from '../base/timer.ts'
import type { Server } from './layout.ts'
import { LogFile } from './log-file.ts'

/** A process that ended sooner than this was no good start. */
const QUICK_DEATH_MS = 10_000
const QUICK_DEATHS_MAX = 5
const BACKOFF_FIRST_MS = 500
const BACKOFF_MAX_MS = 30_000
/** After the polite signal; a broker has its own, shorter limit and tells in its log what it waited for. */
const STOP_LIMIT_MS = 90_000
const LAST_LINES = 12
/** The configuration cannot be used: another start would end in the same way. */
const EXIT_USAGE = 2

export interface ChildEvents {
  /** It serves. */
  ready(child: Child): void
  /** It ended by itself and starts again after `delayMs`. */
  died(child: Child, how: string, delayMs: number): void
  /** It ended in order because somebody else told it to; it is left alone. */
  left(child: Child): void
  /** It ended too often, or with a configuration that cannot be used, and does not start again. */
  gaveUp(child: Child, how: string): void
}

export interface ChildOptions {
  readonly server: Server
  /** The program's file, and the Node that runs it. */
  readonly programFile: string
  readonly logFolder: string
  readonly timer: Timer
  readonly random: Random
  readonly monotonicMs: () => number
  readonly events: ChildEvents
}

/** One server as a child process that is started again when it dies. */
export class Child {
  readonly server: Server
  readonly log: LogFile
  readonly #options: ChildOptions
  #process: ChildProcess | undefined
  #startedAtMs = 0
  #logStartBytes = 0
  #quickDeaths = 0
  #isStopping = false
  #isGone = false
  #cancelRestart: (() => void) | undefined
  #onGone: (() => void)[] = []

  constructor(options: ChildOptions) {
    this.#options = options
    this.server = options.server
    this.log = new LogFile(join(options.logFolder, `${options.server.name}.log`))
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Does not run and will not start again. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** Its last words: the newest lines of the newest process. */
  get lastLines(): readonly string[] {
    return this.log.lastLines(LAST_LINES, this.#logStartBytes)
  }

  start(): void {
    const { programFile, monotonicMs, server } = this.#options
    this.#startedAtMs = monotonicMs()
    this.#logStartBytes = this.log.sizeBytes
    // A session of its own: Ctrl-C reaches this process only, which stops its children in order. When it is killed,
    // the closing of the channel tells them.
    const child = spawn(process.execPath, [programFile, '-c', server.configFile, '--log-format', 'text'], {
      cwd: server.folder,
      detached: true,
      stdio: ['ignore', this.log.descriptor, this.log.descriptor, 'ipc'],
    })
    this.#process = child
    child.on('message', (message) => {
      if (typeof message === 'object' && 'ready' in message) this.#options.events.ready(this)
    })
    child.once('error', (error) => this.#ended(child, error.message, EXIT_USAGE))
    child.once('exit', (code, signal) =>
      this.#ended(child, signal === null ? `exit code ${code}` : `signal ${signal}`, code),
    )
  }

  /** Resolves when the process is gone and will not come back. */
  async stop(): Promise<void> {
    if (this.#isGone) return
    this.#isStopping = true
    this.#cancelRestart?.()
    const child = this.#process
    if (child === undefined) return this.#gone()
    const gone = new Promise<void>((resolve) => this.#onGone.push(resolve))
    child.kill('SIGTERM')
    const cancel = this.#options.timer.after(STOP_LIMIT_MS, () => child.kill('SIGKILL'))
    await gone
    cancel()
  }

  kill(): void {
    this.#isStopping = true
    this.#cancelRestart?.()
    this.#process?.kill('SIGKILL')
  }

  #ended(child: ChildProcess, how: string, code: number | null): void {
    if (this.#process !== child) return
    this.#process = undefined
    const { events, monotonicMs } = this.#options
    if (this.#isStopping) {
      this.#gone()
      return
    }
    if (code === 0) {
      this.#gone()
      events.left(this)
      return
    }
    const isQuick = monotonicMs() - this.#startedAtMs < QUICK_DEATH_MS
    this.#quickDeaths = isQuick ? this.#quickDeaths + 1 : 1
    if (code === EXIT_USAGE || this.#quickDeaths >= QUICK_DEATHS_MAX) {
      this.#gone()
      events.gaveUp(this, how)
      return
    }
    const delayMs = this.#backoffMs()
    this.#cancelRestart = this.#options.timer.after(delayMs, () => this.start())
    events.died(this, how, delayMs)
  }

  /** Twice as long each time, and never the same for two children that died together. */
  #backoffMs(): number {
    const full = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (this.#quickDeaths - 1))
    return full * (0.5 + this.#options.random() / 2)
  }

  #gone(): void {
    this.#isGone = true
    for (const resolve of this.#onGone) resolve()
  }
}
