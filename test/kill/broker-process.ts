import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/server-processes.ts'

const checkout = join(import.meta.dirname, '..', '..')
const NODE = join(checkout, 'node_modules', 'node', 'bin', 'node')
const READY_LIMIT_MS = 60_000

export type Flush = 'SYNC_FLUSH' | 'ASYNC_FLUSH'

export interface BrokerPlace {
  /** Configuration and output; never on the file system that loses power. */
  readonly folder: string
  readonly storeFolder: string
  readonly port: number
  readonly flush: Flush
}

export interface StartOptions {
  /** Put before the command: strace with its arguments. */
  readonly prefix?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export async function placeBroker(folder: string, storeFolder: string, flush: Flush): Promise<BrokerPlace> {
  const port = await freePort([0, -2, 1])
  mkdirSync(folder, { recursive: true })
  const place = { folder, storeFolder, port, flush }
  const properties = {
    brokerClusterName: 'KillCluster',
    brokerName: 'broker-a',
    brokerId: 0,
    brokerIP1: '127.0.0.1',
    bindAddress: '127.0.0.1',
    listenPort: port,
    haListenPort: port + 1,
    metricsPort: 0,
    brokerRole: 'ASYNC_MASTER',
    flushDiskType: flush,
    storePathRootDir: storeFolder,
    // Small files, so that every run rolls them many times.
    mappedFileSizeCommitLog: 1024 * 1024,
    mappedFileSizeConsumeQueue: 20 * 500,
    maxHashSlotNum: 1000,
    maxIndexNum: 4000,
    diskMaxUsedSpaceRatio: 95,
    diskSpaceWarningLevelRatio: 99,
  }
  writeFileSync(
    configOf(place),
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  return place
}

const configOf = ({ folder }: BrokerPlace): string => join(folder, 'broker.conf')
const outputOf = ({ folder }: BrokerPlace): string => join(folder, 'broker.out')

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** A broker of ours as a process of its own. */
export class BrokerProcess {
  readonly address: string
  /** Resolves to the milliseconds from the start to serving; rejects when the process ends before. */
  readonly ready: Promise<number>
  readonly gone: Promise<{ readonly code: number | null; readonly signal: string | null }>
  readonly #place: BrokerPlace
  readonly #child: ChildProcess
  #isGone = false

  constructor(place: BrokerPlace, options: StartOptions = {}) {
    this.#place = place
    this.address = `127.0.0.1:${place.port}`
    const output = openSync(outputOf(place), 'a')
    const [command = NODE, ...args] = [
      ...(options.prefix ?? []),
      NODE,
      join(checkout, 'bin', 'broker.ts'),
      '-c',
      configOf(place),
    ]
    const startedAt = performance.now()
    this.#child = spawn(command, args, {
      stdio: ['ignore', output, output, 'ipc'],
      env: { ...process.env, ...options.env },
      // strace passes no signal on to its child: the whole group is killed.
      detached: options.prefix !== undefined,
    })
    closeSync(output)
    alive.add(this.#child)
    this.gone = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#isGone = true
        alive.delete(this.#child)
        resolve({ code, signal })
      })
    })
    this.ready = new Promise((resolve, reject) => {
      const limit = setTimeout(
        () => reject(new Error(`not ready within ${READY_LIMIT_MS} ms`)),
        READY_LIMIT_MS,
      )
      limit.unref()
      this.#child.once('message', () => {
        clearTimeout(limit)
        resolve(performance.now() - startedAt)
      })
      void this.gone.then(({ code, signal }) => {
        clearTimeout(limit)
        reject(
          new Error(`the broker ended before it served: ${signal ?? `code ${code}`}\n${this.lastLines(12)}`),
        )
      })
    })
    // Not everybody who kills a broker waited for it.
    this.ready.catch(() => undefined)
  }

  get isGone(): boolean {
    return this.#isGone
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async kill(): Promise<void> {
    if (!this.#isGone) {
      try {
        if (this.#child.spawnargs[0]?.includes('strace')) process.kill(-this.pid, 'SIGKILL')
        else this.#child.kill('SIGKILL')
      } catch {
        // It ended on its own a moment ago.
      }
    }
    await this.gone
  }

  /** An orderly stop. Resolves to false when it took too long and was killed. */
  async stop(limitMs = 30_000): Promise<boolean> {
    if (this.#isGone) return true
    this.#child.kill('SIGTERM')
    let isInTime = true
    const limit = setTimeout(() => {
      isInTime = false
      void this.kill()
    }, limitMs)
    await this.gone
    clearTimeout(limit)
    return isInTime
  }

  lastLines(count: number): string {
    return readFileSync(outputOf(this.#place), 'utf8').trimEnd().split('\n').slice(-count).join('\n')
  }
}
