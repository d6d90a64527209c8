import { javaHash } from '../base/java-hash.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { RequestError } from '../remoting/errors.ts'

/** Judges a consume queue entry by its tags code. Different tags may share a code: the client looks again by text. */
export type TagFilter = (tagsCode: number) => boolean

/** Longest expression that is looked at: room for some hundred tags. */
export const EXPRESSION_BYTES_MAX = 4096

const EVERYTHING = '*'

/**
 * The filter of `*` or `a || b || c` (protocol §6.11). Undefined = every message. `codeSet` is what a heartbeat carries: the
 * hashes as the client computed them, believed as RocketMQ does. Throws RequestError 23.
 */
export function compileTags(
  subString: string | undefined,
  codeSet?: readonly number[],
): TagFilter | undefined {
  if (subString === undefined || subString === '' || subString === EVERYTHING) return undefined
  const codes = codeSet !== undefined && codeSet.length > 0 ? codeSet : tagCodes(subString)
  if (codes.length === 1) {
    const only = codes[0]
    return (tagsCode) => (tagsCode | 0) === only
  }
  const set = new Set(codes)
  return (tagsCode) => set.has(tagsCode | 0)
}

function tagCodes(subString: string): number[] {
  if (subString.length > EXPRESSION_BYTES_MAX)
    throw new RequestError(
      ResponseCode.SUBSCRIPTION_PARSE_FAILED,
      `the subscription expression has ${subString.length} characters, the limit is ${EXPRESSION_BYTES_MAX}`,
    )
  const codes: number[] = []
  for (const part of subString.split('||')) {
    const tag = part.trim()
    if (tag !== '') codes.push(javaHash(tag))
  }
  if (codes.length === 0)
    throw new RequestError(
      ResponseCode.SUBSCRIPTION_PARSE_FAILED,
      `the subscription expression ${JSON.stringify(subString.slice(0, 64))} names no tag; write * or a || b`,
    )
  return codes
}

/** As ExpressionType.isTagType: no type means TAG. */
export const isTagType = (expressionType: string | undefined): boolean =>
  expressionType === undefined || expressionType === '' || expressionType === 'TAG'

/** A subscription as a pull or a heartbeat carries it. */
export interface Expression {
  readonly expressionType?: string | undefined
  readonly subString?: string | undefined
  readonly codeSet?: readonly number[]
}

/** Throws RequestError: 23 for an expression that cannot be read, 1 for SQL92, which this broker does not offer. */
export function compileExpression(expression: Expression): TagFilter | undefined {
  if (!isTagType(expression.expressionType))
    throw new RequestError(
      ResponseCode.SYSTEM_ERROR,
      `The broker does not support consumer to filter message by ${expression.expressionType}`,
    )
  return compileTags(expression.subString, expression.codeSet)
}

const compiled = new WeakMap<Expression, { readonly filter: TagFilter | undefined }>()

/** The filter of a registered subscription, compiled once for as long as the subscription lives. */
export function filterOf(subscription: Expression): TagFilter | undefined {
  let entry = compiled.get(subscription)
  if (entry === undefined) {
    entry = { filter: compileExpression(subscription) }
    compiled.set(subscription, entry)
  }
  return entry.filter
}
