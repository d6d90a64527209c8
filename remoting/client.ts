import { connect, type Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Timestamp } from '../base/units.ts'
import { hostBytes } from '../message/host.ts'
import { ResponseCode } from './codes.ts'
import { type Command, HEADER_JSON } from './command.ts'
import { Connection } from './connection.ts'
import { Dispatcher } from './dispatch.ts'
import { ConnectionError, RequestError } from './errors.ts'
import type { FieldTable, HeaderOf } from './fields.ts'
import { OTHER } from './languages.ts'
import { DEFAULT_LIMITS, type RemotingLimits } from './limits.ts'
import type { Answer, CallOptions } from './peer.ts'
import type { RequestKind } from './request.ts'
import { OUR_VERSION } from './versions.ts'

export interface RemotingClientOptions {
  readonly log: Log
  readonly clock: Clock
  readonly language?: number
  readonly version?: number
  readonly form?: Command['headerForm']
  readonly connectTimeoutMs?: number
  /** Serves what servers ask of us (codes 39, 40, 220, 221, 307, 309, 326). */
  readonly onRequest?: Dispatcher
  readonly limits?: Partial<RemotingLimits>
  /** An established connection is gone. */
  readonly onDisconnect?: (address: string, reason: string) => void
}

const CONNECT_TIMEOUT_MS = 3000

/** One connection per address: dialled when it is first needed, shared, dialled again after a failure. */
export class RemotingClient {
  readonly #options: RemotingClientOptions
  readonly #limits: RemotingLimits
  readonly #dispatcher: Dispatcher
  readonly #connections = new Map<string, Connection>()
  readonly #dials = new Map<string, Promise<Connection>>()
  #isClosed = false

  constructor(options: RemotingClientOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#dispatcher = options.onRequest ?? new Dispatcher({ log: options.log })
  }

  /**
   * Asks and waits. Rejects with RequestError (an answer with a code that is neither 0 nor in `codes`) or ConnectionError. The
   * time limit covers dialling. A server that says GO_AWAY is asked once more over a new connection: it has not done
   * anything yet.
   */
  call<H extends FieldTable, R extends FieldTable>(
    address: string,
    kind: RequestKind<H, R>,
    header: HeaderOf<H>,
    options: CallOptions,
  ): Promise<Answer<R>> {
    const connection = this.#connections.get(address)
    if (connection === undefined) return this.#dialAndCall(address, kind, header, options)
    return connection.call(kind, header, options).catch((error) => {
      if (!(error instanceof RequestError) || error.code !== ResponseCode.GO_AWAY) throw error
      this.#forget(address, connection)
      return this.#dialAndCall(address, kind, header, options)
    })
  }

  /** One-way. Resolves when it was handed to the connection; rejects when there is none to be had. */
  async tell<H extends FieldTable>(
    address: string,
    kind: RequestKind<H, FieldTable>,
    header: HeaderOf<H>,
    body?: Uint8Array,
  ): Promise<void> {
    const connection = this.#connections.get(address) ?? (await this.#dial(address))
    connection.tell(kind, header, body)
  }

  /** Addresses that have a connection now. */
  addresses(): readonly string[] {
    return [...this.#connections.keys()]
  }

  /** Closes idle and stuck connections; a later call dials again. */
  tick(_now: Timestamp): void {
    const now = this.#options.clock.monotonicMs()
    for (const connection of this.#connections.values()) connection.tick(now)
  }

  /** Calls under way reject. */
  close(): void {
    this.#isClosed = true
    for (const connection of this.#connections.values()) connection.close('the client was closed')
  }

  async #dialAndCall<H extends FieldTable, R extends FieldTable>(
    address: string,
    kind: RequestKind<H, R>,
    header: HeaderOf<H>,
    options: CallOptions,
  ): Promise<Answer<R>> {
    const { clock } = this.#options
    const startedAtMs = clock.monotonicMs()
    const connection = await inTime(this.#dial(address), options, `${kind.name} to ${address}`)
    const leftMs = options.timeoutMs - (clock.monotonicMs() - startedAtMs)
    return connection.call(kind, header, { ...options, timeoutMs: Math.max(1, leftMs) })
  }

  /** The next call dials anew; what is under way on the old connection still gets its answers. */
  #forget(address: string, connection: Connection): void {
    if (this.#connections.get(address) === connection) this.#connections.delete(address)
    connection.closeWhenAnswered('the server is shutting down')
  }

  #dial(address: string): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(new ConnectionError('closed', 'the client was closed'))
    let dial = this.#dials.get(address)
    if (dial === undefined) {
      dial = this.#open(address).finally(() => this.#dials.delete(address))
      this.#dials.set(address, dial)
    }
    return dial
  }

  async #open(address: string): Promise<Connection> {
    const { clock, log } = this.#options
    const socket = await dialSocket(address, this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS)
    const connection = new Connection({
      stream: socket,
      remoteAddress: address,
      remoteHost: hostBytes(socket.remoteAddress ?? '', socket.remotePort ?? 0) ?? new Uint8Array(8),
      dispatcher: this.#dispatcher,
      limits: this.#limits,
      clock,
      language: this.#options.language ?? OTHER,
      version: this.#options.version ?? OUR_VERSION,
      form: this.#options.form ?? HEADER_JSON,
    })
    if (this.#isClosed) {
      connection.close('the client was closed')
      throw new ConnectionError('closed', 'the client was closed')
    }
    this.#connections.set(address, connection)
    connection.onClose((reason) => {
      if (this.#connections.get(address) === connection) this.#connections.delete(address)
      log.debug('remoting.disconnected', { address, reason })
      this.#options.onDisconnect?.(address, reason)
    })
    return connection
  }
}

/** Rejects with ConnectionError: refused, timeout. */
function dialSocket(address: string, timeoutMs: number): Promise<Socket> {
  const target = parseAddress(address)
  if (target === undefined)
    return Promise.reject(
      new ConnectionError('refused', `address ${JSON.stringify(address)} is not host:port or [ipv6]:port`),
    )
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target, noDelay: true })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new ConnectionError('timeout', `no connection to ${address} within ${timeoutMs} ms`))
    }, timeoutMs)
    const onError = (error: Error): void => {
      clearTimeout(timer)
      reject(
        new ConnectionError('refused', `no connection to ${address}: ${error.message}`, { cause: error }),
      )
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', onError)
      resolve(socket)
    })
  })
}

/** `host:port` or `[ipv6]:port`. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s]+)):(\d{1,5})$/.exec(address)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port }
}

/** Bounds the wait for something that others wait for, too, and that goes on without us. */
function inTime<T>(promise: Promise<T>, { timeoutMs, signal }: CallOptions, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new ConnectionError('timeout', `${what}: not connected within ${timeoutMs} ms`))
    }, timeoutMs)
    const onAbort = (): void =>
      reject(new ConnectionError('aborted', `${what} aborted`, { cause: signal?.reason }))
    if (signal?.aborted === true) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    })
  })
}
