import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Timestamp } from '../base/units.ts'
import { hostBytes } from '../message/host.ts'
import { Connection } from './connection.ts'
import type { Dispatcher } from './dispatch.ts'
import { JAVA } from './languages.ts'
import { DEFAULT_LIMITS, type RemotingLimits } from './limits.ts'
import { portOwner } from './port-owner.ts'
import { OUR_VERSION } from './versions.ts'

export interface ListenOptions {
  readonly host: string
  /** 0: the system picks one, see `address`. */
  readonly port: number
  readonly dispatcher: Dispatcher
  readonly log: Log
  readonly clock: Clock
  readonly limits?: Partial<RemotingLimits>
  readonly onConnection?: (connection: Connection) => void
}

/** The port belongs to somebody else; the message names port and, where it can be told, owner. */
export class PortTakenError extends Error {
  override name = 'PortTakenError'
  readonly port: number
  readonly owner: string | undefined

  constructor(host: string, port: number, owner: string | undefined, options?: ErrorOptions) {
    super(`port ${port} on ${host} is taken by ${owner ?? 'another process'}`, options)
    this.port = port
    this.owner = owner
  }
}

const BACKLOG = 1024
const KEEP_ALIVE_MS = 60_000
/** Of the connection cap, this part is kept for addresses with few connections: peers and administrators. */
const RESERVED_SHARE = 1 / 16
const RESERVED_PER_ADDRESS = 4
/** Closed and refused connections get so many log lines per window; the rest is counted. */
const LOG_LINES_MAX = 20
const LOG_WINDOW_MS = 10_000
/** Ticks come about every second; a gap like this means that the process did not run. */
const STALL_MS = 10_000
const DRAIN_POLL_MS = 20
const END_TIMEOUT_MS = 1000

/** Resolves when connections are accepted. Rejects with PortTakenError, or the system's error. */
export function listen(options: ListenOptions): Promise<RemotingServer> {
  const server = new RemotingServer(options)
  return server.open()
}

export class RemotingServer {
  readonly connections = new Set<Connection>()
  readonly #options: ListenOptions
  readonly #limits: RemotingLimits
  readonly #server: Server
  readonly #perAddress = new Map<string, number>()
  #address = { host: '', port: 0 }
  #acceptedCount = 0
  #refusedCount = 0
  #logLines = 0
  #logDropped = 0
  #logWindowStartMs = 0
  #tickedAtMs: number | undefined

  constructor(options: ListenOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS })
    this.#server.on('connection', (socket) => this.#accept(socket))
  }

  /** What is bound: the port is never 0. */
  get address(): { readonly host: string; readonly port: number } {
    return this.#address
  }

  get acceptedCount(): number {
    return this.#acceptedCount
  }

  get refusedCount(): number {
    return this.#refusedCount
  }

  open(): Promise<this> {
    const { host, port, log } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRINUSE')
          reject(new PortTakenError(host, port, portOwner(port), { cause: error }))
        else reject(error)
      })
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        const bound = this.#server.address()
        if (bound !== null && typeof bound !== 'string') this.#address = { host, port: bound.port }
        this.#server.removeAllListeners('error')
        // Accepting fails when descriptors run out; that must not end the process.
        this.#server.on('error', (error) => log.error('remoting.accept-failed', { error: error.message }))
        resolve(this)
      })
    })
  }

  /** Closes what is idle, slow or stuck, and what holds most when all together hold too much. */
  tick(_now: Timestamp): void {
    const now = this.#options.clock.monotonicMs()
    // After a stall of our own everybody looks silent: what they sent meanwhile is read before anybody is judged.
    const wasStalled = this.#tickedAtMs !== undefined && now - this.#tickedAtMs > STALL_MS
    this.#tickedAtMs = now
    if (wasStalled) return
    let heldBytes = 0
    for (const connection of this.connections) {
      connection.tick(now)
      heldBytes += connection.heldBytes
    }
    if (heldBytes > this.#limits.heldBytesMax) this.#shed(heldBytes)
    if (this.#logDropped > 0 && now - this.#logWindowStartMs > LOG_WINDOW_MS) this.#rollLogWindow(now)
  }

  /**
   * Stops accepting, answers new requests with GO_AWAY, waits until those under way are answered (`graceMs` at most), then
   * closes all connections. Requests that only wait, as long polls do, are not waited for.
   */
  async close({ graceMs }: { readonly graceMs: number }): Promise<void> {
    const { clock } = this.#options
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const connection of this.connections) connection.drain()
    const deadlineMs = clock.monotonicMs() + graceMs
    while (this.#hasWork() && clock.monotonicMs() < deadlineMs) await sleep(DRAIN_POLL_MS)
    for (const connection of this.connections) connection.end()
    const destroyAtMs = clock.monotonicMs() + END_TIMEOUT_MS
    while (this.connections.size > 0 && clock.monotonicMs() < destroyAtMs) await sleep(DRAIN_POLL_MS)
    for (const connection of this.connections) connection.close('the server was shut down')
    await closed
  }

  #shed(heldBytes: number): void {
    let left = heldBytes
    for (const connection of [...this.connections].sort((a, b) => b.heldBytes - a.heldBytes)) {
      if (left <= this.#limits.heldBytesMax) break
      left -= connection.heldBytes
      connection.close(`all connections hold ${heldBytes} bytes, and this one most of them`)
    }
  }

  #hasWork(): boolean {
    for (const connection of this.connections) if (connection.inFlight > 0) return true
    return false
  }

  #accept(socket: Socket): void {
    const ip = socket.remoteAddress ?? ''
    const refusal = this.#refusal(ip)
    if (refusal !== undefined) {
      this.#refusedCount += 1
      socket.destroy()
      this.#logLine('remoting.refused', { peer: ip, reason: refusal })
      return
    }
    this.#acceptedCount += 1
    this.#perAddress.set(ip, (this.#perAddress.get(ip) ?? 0) + 1)
    const { dispatcher, clock, onConnection } = this.#options
    const port = socket.remotePort ?? 0
    const connection = new Connection({
      stream: socket,
      remoteAddress: addressText(ip, port),
      remoteHost: hostBytes(ip, port) ?? new Uint8Array(8),
      dispatcher,
      limits: this.#limits,
      clock,
      // Java clients of all versions know this name; they show it nowhere.
      language: JAVA,
      version: OUR_VERSION,
    })
    this.connections.add(connection)
    connection.onClose((reason) => {
      this.connections.delete(connection)
      const left = (this.#perAddress.get(ip) ?? 1) - 1
      if (left === 0) this.#perAddress.delete(ip)
      else this.#perAddress.set(ip, left)
      if (reason !== 'closed by the peer')
        this.#logLine('remoting.closed', { peer: connection.remoteAddress, reason })
    })
    onConnection?.(connection)
  }

  #refusal(ip: string): string | undefined {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits
    const size = this.connections.size
    const own = this.#perAddress.get(ip) ?? 0
    if (ip === '') return 'gone before it was accepted'
    if (own >= connectionsPerAddressMax)
      return `more than ${connectionsPerAddressMax} connections of one address`
    if (size >= connectionsMax) return `more than ${connectionsMax} connections`
    if (own >= RESERVED_PER_ADDRESS && size >= connectionsMax * (1 - RESERVED_SHARE))
      return `nearly ${connectionsMax} connections, the rest is kept for addresses with less than ${RESERVED_PER_ADDRESS}`
    return undefined
  }

  #logLine(event: string, fields: { readonly peer: string; readonly reason: string }): void {
    const now = this.#options.clock.monotonicMs()
    if (now - this.#logWindowStartMs > LOG_WINDOW_MS) this.#rollLogWindow(now)
    this.#logLines += 1
    if (this.#logLines > LOG_LINES_MAX) this.#logDropped += 1
    else this.#options.log.warn(event, fields)
  }

  #rollLogWindow(nowMs: number): void {
    if (this.#logDropped > 0) this.#options.log.warn('remoting.more-closed', { count: this.#logDropped })
    this.#logWindowStartMs = nowMs
    this.#logLines = 0
    this.#logDropped = 0
  }
}

const addressText = (ip: string, port: number): string => {
  const plain = ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
