import { AssertionError } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import { ResponseCode, requestName } from './codes.ts'
import { type Command, FLAG_ONEWAY } from './command.ts'
import { RequestError } from './errors.ts'
import { codecOf, type FieldTable, type HeaderCodec, type HeaderOf } from './fields.ts'
import type { Handler, Peer, Reply } from './peer.ts'
import type { RequestKind } from './request.ts'

export type AnyReply = Reply<FieldTable>

/** A request kind with its handler. */
export interface Route {
  readonly kind: RequestKind<FieldTable, FieldTable>
  readonly replyCodec: HeaderCodec<FieldTable>
  /** The handler may hold a request for long without working on it, as long polls do. */
  readonly waits: boolean
  /** How many requests it counts as while it is under way: so much of inFlightMax it takes. */
  readonly weight: number
  readonly serve: (command: Command, peer: Peer) => AnyReply | Promise<AnyReply>
}

export type RouteOptions = Partial<Pick<Route, 'waits' | 'weight'>>

/** Looked at before a request is decoded: an answer here keeps it from its handler. */
export type Guard = (command: Command, peer: Peer) => AnyReply | undefined

export interface DispatcherOptions {
  readonly log: Log
  /** Answers for errors of rooms that this one does not know (StoreError). Undefined: not known there either. */
  readonly toReply?: (error: unknown) => AnyReply | undefined
  /** A bug was found (AssertionError): the process is expected to stop. Without it the error is thrown into the event loop. */
  readonly onFailure?: (error: Error) => void
}

/**
 * The one table from request code to handler, and the one place where errors become answers. Nameserver, broker and client fill one
 * each.
 */
export class Dispatcher {
  readonly #routes = new Map<number, Route>()
  readonly #guards: Guard[] = []
  readonly #options: DispatcherOptions

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  on<H extends FieldTable, R extends FieldTable>(
    kind: RequestKind<H, R>,
    handler: Handler<H, R>,
    options: RouteOptions = {},
  ): void {
    if (this.#routes.has(kind.code)) throw new AssertionError(`two handlers for request ${kind.name}`)
    const codec = codecOf<H>(kind.header)
    const serve = (command: Command, peer: Peer): Reply<R> | Promise<Reply<R>> => {
      const { body } = command
      if (body.length > kind.bodyBytesMax) throw tooLarge(kind, body.length)
      return handler({
        header: codec.read(command.ext) as HeaderOf<H>,
        body,
        peer,
        command,
        isOneway: (command.flag & FLAG_ONEWAY) !== 0,
      })
    }
    this.#routes.set(kind.code, {
      kind: kind as unknown as Route['kind'],
      replyCodec: codecOf(kind.reply) as unknown as HeaderCodec<FieldTable>,
      waits: options.waits ?? false,
      weight: options.weight ?? 1,
      serve: serve as Route['serve'],
    })
  }

  /** Guards are asked in the order they were added. */
  addGuard(guard: Guard): void {
    this.#guards.push(guard)
  }

  find(code: number): Route | undefined {
    return this.#routes.get(code)
  }

  /** Codes that are served, for documentation and tests. */
  codes(): readonly number[] {
    return [...this.#routes.keys()].sort((a, b) => a - b)
  }

  /** Answers at once where the handler does; whoever waits for a promise hands its rejection to `failed`. */
  serve(route: Route | undefined, command: Command, peer: Peer): AnyReply | Promise<AnyReply> {
    try {
      for (const guard of this.#guards) {
        const refusal = guard(command, peer)
        if (refusal !== undefined) return refusal
      }
      if (route === undefined) return notSupported(command.code)
      return route.serve(command, peer)
    } catch (error) {
      return this.failed(error, command.code, peer)
    }
  }

  /** The answer to a request whose handler threw or rejected. */
  failed(error: unknown, code: number, peer: Peer): AnyReply {
    if (error instanceof RequestError) return { code: error.code, remark: error.remark }
    if (error instanceof AssertionError) this.#stop(error)
    const reply = this.#options.toReply?.(error)
    if (reply !== undefined) return reply
    this.#options.log.error('request.failed', {
      request: requestName(code),
      peer: peer.remoteAddress,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    return {
      code: ResponseCode.SYSTEM_ERROR,
      remark: `internal error in ${requestName(code)}, see the log`,
    }
  }

  #stop(error: AssertionError): void {
    const { onFailure } = this.#options
    if (onFailure !== undefined) onFailure(error)
    else
      queueMicrotask(() => {
        throw error
      })
  }
}

const tooLarge = (
  { name, bodyBytesMax }: { readonly name: string; readonly bodyBytesMax: number },
  size: number,
): RequestError =>
  new RequestError(
    ResponseCode.INVALID_PARAMETER,
    `the body has ${size} bytes, ${name} takes at most ${bodyBytesMax}`,
  )

const notSupported = (code: number): AnyReply => ({
  code: ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
  remark: `request type ${code} not supported`,
})
