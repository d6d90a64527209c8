import type { Dispatcher } from '../remoting/dispatch.ts'
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
): BrokerRoute => ({
  code: kind.code,
  addTo: (dispatcher, parts) => dispatcher.on(kind, (request) => handle(request, parts)),
})
