import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

const bin = join(import.meta.dirname, '..', '..', 'bin')

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A launcher of bin/ as a running process. */
export class Command {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  #watchers: (() => void)[] = []

  constructor(
    name: string,
    args: readonly string[] = [],
    options: { env?: Record<string, string>; cwd?: string } = {},
  ) {
    // A relative name stays as it is: a link somewhere else.
    const command = name.includes('/') ? name : join(bin, name)
    this.child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Leads a process group of its own, as a command does that was typed into a terminal.
      detached: true,
      env: { ...process.env, NAMESRV_ADDR: '', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    live.add(this.child)
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#changed()
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#changed()
    })
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code, signal) => {
        live.delete(this.child)
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
        this.#changed()
      })
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Resolves when standard output matches; rejects when the process ends or ten seconds pass before. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const giveUp = Date.now() + 10_000
    for (;;) {
      const match = pattern.exec(this.stdout)
      if (match !== null) return match
      const hasEnded = this.child.exitCode !== null || this.child.signalCode !== null
      if (hasEnded || Date.now() > giveUp)
        throw new Error(`${pattern} did not come; output:\n${this.stdout}\n${this.stderr}`)
      await new Promise<void>((resolve) => {
        this.#watchers.push(resolve)
        setTimeout(resolve, 200)
      })
    }
  }

  async signal(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return await this.ended
  }

  /** What Ctrl-C does: the signal reaches every process of the group. */
  async interrupt(): Promise<Ended> {
    process.kill(-this.pid, 'SIGINT')
    return await this.ended
  }

  #changed(): void {
    const watchers = this.#watchers
    this.#watchers = []
    for (const watcher of watchers) watcher()
  }
}

const live = new Set<ChildProcess>()
// A test that failed leaves its processes; they would keep this one alive.
after(() => {
  for (const child of live) child.kill('SIGKILL')
})

export const run = async (
  name: string,
  args: readonly string[] = [],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Ended> => await new Command(name, args, options).ended

/** A folder that is gone after the test. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'rocketcluster-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** False also for what ended and only waits to be collected by a parent that does not care. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

export async function untilTrue(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUp = Date.now() + 10_000
  while (!(await condition())) {
    if (Date.now() > giveUp) throw new Error(`${what}: not within 10 s`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
