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
}

const NO_FIELDS = {} as const satisfies FieldTable
export type NoFields = typeof NO_FIELDS

export function request<const H extends FieldTable = NoFields, const R extends FieldTable = NoFields>(kind: {
  readonly code: number
  readonly name: string
  readonly header?: H
  readonly reply?: R
}): RequestKind<H, R> {
  return {
    code: kind.code,
    name: kind.name,
    header: kind.header ?? (NO_FIELDS as unknown as H),
    reply: kind.reply ?? (NO_FIELDS as unknown as R),
  }
}
