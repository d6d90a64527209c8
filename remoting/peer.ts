import type { HostBytes } from '../message/message.ts'
import type { Command } from './command.ts'
import type { FieldTable, HeaderOf } from './fields.ts'
import type { RequestKind } from './request.ts'

/**
 * What a handler may know of the other side of a connection. The identity of a client is its connection, not its
 * client id. Implemented by connection.ts; tests hand in plain objects.
 */
export interface Peer {
  /** Unique within this process, never reused. */
  readonly id: number
  /** `ip:port` as seen here. */
  readonly remoteAddress: string
  /** The same as a record carries it. */
  readonly remoteHost: HostBytes
  readonly isClosed: boolean
  /** Bytes for this peer that it has not taken yet. */
  readonly unsentBytes: number
  /** Language code (protocol §1.4) and version number (§1.5) of the newest request. */
  readonly language: number
  readonly version: number

  /** Ask the peer and wait for its answer. Rejects with ConnectionError or RequestError (an answer with code ≠ 0). */
  call<H extends FieldTable, R extends FieldTable>(
    kind: RequestKind<H, R>,
    header: HeaderOf<H>,
    options: CallOptions,
  ): Promise<Answer<R>>
  /** Tell the peer, one-way: no answer, no error when it is gone. */
  tell<H extends FieldTable>(kind: RequestKind<H, FieldTable>, header: HeaderOf<H>, body?: Uint8Array): void
  close(reason: string): void
  /** Called once, after the connection closed, also when it is closed already. */
  onClose(listener: (reason: string) => void): void
}

export interface CallOptions {
  readonly timeoutMs: number
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
  /** Codes besides 0 that resolve instead of rejecting: a pull reads its offsets from 19, 20 and 21, too. */
  readonly codes?: readonly number[]
}

/** A decoded request as a handler sees it. */
export interface Request<H extends FieldTable> {
  readonly header: HeaderOf<H>
  /** A view into the receive buffer, valid until the handler's promise settles; copy what must live longer. */
  readonly body: Buffer
  readonly peer: Peer
  /** The raw command: extra fields (`_UNIQUE_KEY_QUERY`, zones), version, language. */
  readonly command: Command
  /** True when the peer wants no answer; whatever the handler returns is then dropped. */
  readonly isOneway: boolean
}

/** What a handler returns. Header fields are those of the request's reply table; undefined ones are left out. */
export interface Reply<R extends FieldTable> {
  /** Response code, 0 when absent. */
  readonly code?: number
  readonly remark?: string
  readonly header?: Partial<HeaderOf<R>>
  /** More extFields than the reply table knows (MSG_REGION, IS_SUPPORT_HEART_BEAT_V2 …). */
  readonly extra?: Readonly<Record<string, string>>
  /** Written as they are, in order, without being copied. */
  readonly body?: Uint8Array | readonly Uint8Array[]
}

/** An answer as a caller sees it; `command.code` is 0 or one of the codes asked for. */
export interface Answer<R extends FieldTable> {
  readonly header: Partial<HeaderOf<R>>
  readonly body: Buffer
  readonly command: Command
}

/** Handlers answer at once or later. They never touch the connection's bytes. */
export type Handler<H extends FieldTable, R extends FieldTable> = (
  request: Request<H>,
) => Reply<R> | Promise<Reply<R>>
