import { relative, resolve } from 'node:path'
import type { Clock, Random } from '../base/clock.ts'
import type { Timer } from '../base/timer.ts'
import { ManifestError, type ParsedManifest, parseManifest } from '../cluster/parse.ts'
import { columns } from '../settings/print.ts'
import { Child, type ChildEvents } from './child.ts'
import { DataFolder, FolderTakenError } from './data-folder.ts'
import { type Layout, layOut, type PortScheme, type Server, whatIsMissing } from './layout.ts'
import { takenPorts } from './ports.ts'

export interface UpOptions {
  readonly manifestName: string
  readonly manifestText: string
  /** Of this cluster; data/<name> when absent. */
  readonly dataFolder: string | undefined
  readonly ports: PortScheme
  /** `node` runs it: bin/nameserver.ts, bin/broker.ts */
  programFile(program: Server['program']): string
  /** Who listens on a port, as far as the system tells. */
  ownerOf(port: number): string | undefined
  /** Broker names that a nameserver (`host:port`) knows. */
  brokersAt(nameserver: string): Promise<ReadonlySet<string>>
  /** How the commands for the reader are called from here: `bin/` or nothing. */
  readonly commandPrefix: string
  readonly print: (line: string) => void
  readonly clock: Clock
  readonly timer: Timer
  readonly random: Random
  /** Aborted by the first signal: stop in order. Aborted by the second: at once. */
  readonly stop: AbortSignal
  readonly force: AbortSignal
}

/** It cannot be started; every line is for the reader. */
export class UpError extends Error {
  override name = 'UpError'
}

const READY_LIMIT_MS = 60_000
const LOOK_AGAIN_MS = 30
const LOG_TICK_MS = 10_000

/**
 * Runs the cluster of a manifest as child processes until `stop`. Resolves to the exit code. Rejects with UpError when it
 * cannot be started, with nothing left behind.
 */
export async function up(options: UpOptions): Promise<number> {
  const { cluster, warnings } = parse(options)
  const missing = whatIsMissing(cluster)
  if (missing.length > 0)
    throw new UpError(missing.map((line) => `${options.manifestName}: ${line}`).join('\n'))
  const path = resolve(options.dataFolder ?? `data/${cluster.name}`)
  const layout = layOut(cluster, path, options.ports)
  await checkPorts(layout, options)
  const folder = takeFolder(path)
  try {
    for (const warning of warnings) options.print(`warning: ${warning}`)
    folder.write([...layout.nameservers, ...layout.brokers])
    const from = folder.isOld ? 'with the data of the last run' : 'new'
    options.print(`Cluster ${cluster.name} of ${options.manifestName}, data in ${shown(path)} (${from})\n`)
    return await new LocalCluster(layout, folder, options).run()
  } finally {
    folder.release()
  }
}

function parse({ manifestText, manifestName }: UpOptions): ParsedManifest {
  try {
    return parseManifest(manifestText, manifestName)
  } catch (error) {
    throw error instanceof ManifestError ? new UpError(error.message) : error
  }
}

function takeFolder(path: string): DataFolder {
  try {
    return DataFolder.take(path)
  } catch (error) {
    if (error instanceof FolderTakenError)
      throw new UpError(`${error.message}: stop it, or give --data another folder`)
    throw new UpError(`cannot use ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

async function checkPorts(layout: Layout, { ownerOf }: UpOptions): Promise<void> {
  const servers = [...layout.nameservers, ...layout.brokers]
  const taken = await takenPorts(
    '127.0.0.1',
    servers.flatMap(({ ports }) => ports),
  )
  if (taken.length === 0) return
  const lines = taken.map((port) => {
    const server = servers.find(({ ports }) => ports.includes(port))
    const what = port === server?.metricsPort ? `metrics of ${server.name}` : server?.name
    return `port ${port} (${what}) is taken by ${ownerOf(port) ?? 'another process'}`
  })
  lines.push('Stop that process, or choose other ports, for instance: --port-base 20000')
  throw new UpError(lines.join('\n'))
}

/** As people would type it from here. */
function shown(path: string): string {
  const fromHere = relative('', path)
  return fromHere === '' || fromHere.startsWith('..') ? path : fromHere
}

class LocalCluster implements ChildEvents {
  readonly #layout: Layout
  readonly #folder: DataFolder
  readonly #options: UpOptions
  readonly #children: readonly Child[]
  readonly #startedAtMs: number
  /** Children that served at least once. */
  readonly #served = new Set<Child>()
  #isUp = false
  #failure: UpError | undefined
  /** Something to wait for happened: a child is ready, gone, or the end was asked for. */
  #wake: (() => void)[] = []

  constructor(layout: Layout, folder: DataFolder, options: UpOptions) {
    this.#layout = layout
    this.#folder = folder
    this.#options = options
    this.#startedAtMs = options.clock.monotonicMs()
    const { timer, random, clock } = options
    this.#children = [...layout.nameservers, ...layout.brokers].map(
      (server) =>
        new Child({
          server,
          programFile: options.programFile(server.program),
          logFolder: folder.logs,
          timer,
          random,
          monotonicMs: () => clock.monotonicMs(),
          events: this,
        }),
    )
  }

  async run(): Promise<number> {
    const { stop, force, timer } = this.#options
    stop.addEventListener('abort', () => this.#changed())
    force.addEventListener('abort', () => {
      for (const child of this.#children) child.kill()
    })
    const cancelTick = timer.every(LOG_TICK_MS, () => {
      for (const child of this.#children) if (!child.isGone) child.log.tick()
    })
    try {
      await this.#start()
      if (!this.#isEnding) this.#welcome()
      this.#isUp = true
      await this.#until(() => this.#isEnding || this.#children.every((child) => child.isGone))
    } finally {
      cancelTick()
      await this.#stop()
    }
    if (this.#failure !== undefined) throw this.#failure
    const isOrderly = stop.aborted
    this.#options.print(
      isOrderly ? 'Stopped. The data stays; start again to go on.' : 'Nothing is running any more.',
    )
    return isOrderly ? 0 : 1
  }

  /** Nameservers first: a broker that finds one registers at once. */
  async #start(): Promise<void> {
    for (const program of ['nameserver', 'broker'] as const) {
      const children = this.#children.filter(({ server }) => server.program === program)
      if (!this.#isEnding) for (const child of children) child.start()
      await this.#until(() => this.#isEnding || children.every((child) => this.#served.has(child)))
    }
    await this.#untilRegistered()
  }

  /** A client that asks any nameserver now finds every broker. */
  async #untilRegistered(): Promise<void> {
    const { timer, brokersAt, clock } = this.#options
    const names = this.#layout.brokers.map(({ name }) => name)
    for (const { host, port } of this.#layout.nameservers) {
      for (;;) {
        if (this.#isEnding) return
        const known = await brokersAt(`${host}:${port}`).catch(() => new Set<string>())
        if (names.every((name) => known.has(name))) break
        if (clock.monotonicMs() - this.#startedAtMs > READY_LIMIT_MS) {
          const missing = names.filter((name) => !known.has(name)).join(', ')
          throw new UpError(
            `${missing} did not register with ${host}:${port}; logs: ${shown(this.#folder.logs)}`,
          )
        }
        await new Promise<void>((wake) => timer.after(LOOK_AGAIN_MS, wake))
      }
    }
  }

  get #isEnding(): boolean {
    return this.#options.stop.aborted || this.#failure !== undefined
  }

  #welcome(): void {
    const { print, commandPrefix } = this.#options
    const rows = this.#children.map(({ server, pid }) => [
      server.name,
      `${server.host}:${server.port}`,
      String(pid),
      `http://${server.host}:${server.metricsPort}/metrics`,
      shown(server.folder),
    ])
    print(`\n${columns([['COMPONENT', 'ADDRESS', 'PID', 'METRICS', 'DATA'], ...rows])}`)
    print(`Ready after ${this.#seconds()} s, for any RocketMQ client on this machine with:\n`)
    print(`  export NAMESRV_ADDR="${this.#layout.namesrvAddr}"\n`)
    print('Try it in another terminal:\n')
    const option = this.#layout.nameservers.some(({ port }) => port === 9876)
      ? ''
      : ` -n "${this.#layout.namesrvAddr}"`
    print(`  ${commandPrefix}tools quickstart.Producer${option}`)
    print(`  ${commandPrefix}tools quickstart.Consumer${option}\n`)
    print(`Logs are in ${shown(this.#folder.logs)}. Ctrl-C stops everything.`)
  }

  ready(child: Child): void {
    const { server, pid } = child
    this.#served.add(child)
    if (this.#isUp) this.#options.print(`${server.name} serves again (pid ${pid})`)
    else
      this.#options.print(
        `${server.name.padEnd(16)} ${`${server.host}:${server.port}`.padEnd(18)} after ${this.#seconds()} s`,
      )
    this.#changed()
  }

  died(child: Child, how: string, delayMs: number): void {
    if (this.#hasServed(child, how))
      this.#options.print(
        `${child.server.name} ended (${how}), starts again in ${(delayMs / 1000).toFixed(1)} s`,
      )
  }

  left(child: Child): void {
    if (this.#hasServed(child, 'it was stopped from outside'))
      this.#options.print(`${child.server.name} was stopped from outside and is left alone`)
    this.#changed()
  }

  gaveUp(child: Child, how: string): void {
    if (this.#hasServed(child, how)) {
      this.#options.print(
        `${child.server.name} ended (${how}) again and again and is given up. Its last lines:`,
      )
      for (const line of child.lastLines) this.#options.print(`  ${line}`)
    }
    this.#changed()
  }

  /** Before it ever served, trying again would only hide from the reader what is wrong: then the whole start has failed. */
  #hasServed(child: Child, how: string): boolean {
    if (this.#served.has(child)) return true
    const lines = child.lastLines.map((line) => `\n  ${line}`).join('')
    this.#failure ??= new UpError(`${child.server.name} did not start (${how}):${lines}`)
    this.#changed()
    return false
  }

  /** Brokers first: they leave the nameservers, so that clients go elsewhere. */
  async #stop(): Promise<void> {
    const { print, stop } = this.#options
    if (stop.aborted) print('\nStopping...')
    for (const program of ['broker', 'nameserver'] as const) {
      const children = this.#children.filter(({ server, isGone }) => server.program === program && !isGone)
      await Promise.all(children.map((child) => child.stop()))
    }
    for (const child of this.#children) child.log.close()
  }

  #seconds(): string {
    return ((this.#options.clock.monotonicMs() - this.#startedAtMs) / 1000).toFixed(2)
  }

  #changed(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((wake) => this.#wake.push(wake))
  }
}
