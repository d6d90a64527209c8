import type { Dispatcher, RouteOptions } from '../remoting/dispatch.ts'
import type { FieldTable } from '../remoting/fields.ts'
import type { Reply, Request } from '../remoting/peer.ts'
import type { RequestKind } from '../remoting/request.ts'
import type { BrokerParts } from './parts.ts'

/** One line of a handler list: a request kind and who serves it. */
export interface BrokerRoute {
  readonly code: number
  addTo(dispatcher: Dispatcher, parts: BrokerParts): void
}

/** `serve(getMaxOffset, answerMaxOffset)`: the kind's types are checked here and forgotten in the list. */
export const serve = <H extends FieldTable, R extends FieldTable>(
  kind: RequestKind<H, R>,
  handle: (request: Request<H>, parts: BrokerParts) => Reply<R> | Promise<Reply<R>>,
  options?: RouteOptions,
): BrokerRoute => ({
  code: kind.code,
  addTo: (dispatcher, parts) => dispatcher.on(kind, (request) => handle(request, parts), options),
})

/**
 * For requests that read up to a whole message, or many, for some bytes that ask for them: a connection has eight of the first kind
 * under way at most, and four of the second.
 */
export const READS_A_MESSAGE: RouteOptions = { weight: 128 }
export const READS_MANY: RouteOptions = { weight: 256 }
/** Sending back reads a message, too, but consumers in trouble do much of it. */
export const COPIES_A_MESSAGE: RouteOptions = { weight: 32 }
