import type { FieldTable } from './fields.ts'

/**
 * A request is declared once and used by both sides:
 * `export const getMaxOffset = request({ code: 30, name: 'GET_MAX_OFFSET', header: {…}, reply: {…} })`.
 * One file a request under requests/, exporting the kind under the request's own name in camel case.
 */
export interface RequestKind<H extends FieldTable, R extends FieldTable> {
  readonly code: number
  /** RocketMQ's constant, for logs and metrics. */
  readonly name: string
  readonly header: H
  readonly reply: R
  /** A request with a larger body is refused before anybody parses it: JSON of a full frame costs a second. */
  readonly bodyBytesMax: number
}

/** More than any request of a client has that carries no messages and no list of a whole cluster. */
const BODY_BYTES_MAX = 1024 * 1024
/** For `bodyBytesMax` of what carries messages: the frame and whoever stores them have the say. */
export const WHOLE_FRAME = Number.POSITIVE_INFINITY

const NO_FIELDS = {} as const satisfies FieldTable
export type NoFields = typeof NO_FIELDS

export function request<const H extends FieldTable = NoFields, const R extends FieldTable = NoFields>(kind: {
  readonly code: number
  readonly name: string
  readonly header?: H
  readonly reply?: R
  readonly bodyBytesMax?: number
}): RequestKind<H, R> {
  return {
    code: kind.code,
    name: kind.name,
    header: kind.header ?? (NO_FIELDS as unknown as H),
    reply: kind.reply ?? (NO_FIELDS as unknown as R),
    bodyBytesMax: kind.bodyBytesMax ?? BODY_BYTES_MAX,
  }
}
