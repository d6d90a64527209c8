import type { Dispatcher } from '../remoting/dispatch.ts'
import type { FieldTable } from '../remoting/fields.ts'
import type { Reply, Request } from '../remoting/peer.ts'
import type { RequestKind } from '../remoting/request.ts'
import type { NameserverParts } from './parts.ts'

/** One line of the list of handlers: a request kind and who serves it. */
export interface HandlerRow {
  readonly code: number
  addTo(dispatcher: Dispatcher, parts: NameserverParts): void
}

/** The kind's types are checked here and forgotten in the list. */
export const serve = <H extends FieldTable, R extends FieldTable>(
  kind: RequestKind<H, R>,
  handle: (request: Request<H>, parts: NameserverParts) => Reply<R> | Promise<Reply<R>>,
): HandlerRow => ({
  code: kind.code,
  addTo: (dispatcher, parts) => dispatcher.on(kind, (request) => handle(request, parts)),
})
