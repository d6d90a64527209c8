import { ResponseCode } from '../remoting/codes.ts'
import { RequestError } from '../remoting/errors.ts'

type Attributes = Readonly<Record<string, string>>

interface AttributeRule {
  /** What a value may be, as a test and in words. */
  readonly allows: (value: string) => boolean
  readonly allowed: string
  readonly isChangeable: boolean
}

const oneOf = (...values: string[]): Pick<AttributeRule, 'allows' | 'allowed'> => ({
  allows: (value) => values.includes(value),
  allowed: values.join(', '),
})

/**
 * As TopicAttributes of RocketMQ. BatchCQ and COMPACTION topics keep other files than this broker writes: they are refused
 * rather than quietly stored as plain topics. MIXED is RocketMQ's enableMixedMessageType, off by default.
 */
const RULES: Readonly<Record<string, AttributeRule>> = {
  'queue.type': { ...oneOf('SimpleCQ'), isChangeable: false },
  'cleanup.policy': { ...oneOf('DELETE'), isChangeable: false },
  'message.type': { ...oneOf('UNSPECIFIED', 'NORMAL', 'FIFO', 'DELAY', 'TRANSACTION'), isChangeable: true },
  'reserve.time': {
    allows: (value) => /^(-1|\d{1,15})$/.test(value),
    allowed: '-1 or a number of milliseconds',
    isChangeable: true,
  },
}

/** Longer texts are no list of four attributes. */
const TEXT_LENGTH_MAX = 4096

/**
 * `+message.type=FIFO,-queue.type` → { '+message.type': 'FIFO', '-queue.type': '' }, as AttributeParser of RocketMQ.
 * Throws RequestError 29.
 */
export function parseAttributeChanges(text: string | undefined): Attributes {
  const changes: Record<string, string> = Object.create(null)
  if (text === undefined || text.trim() === '') return changes
  if (text.length > TEXT_LENGTH_MAX)
    throw invalid(`attributes have ${text.length} characters, the limit is ${TEXT_LENGTH_MAX}`)
  for (const part of text.split(',')) {
    const item = part.trim()
    if (item === '') continue
    const equals = item.indexOf('=')
    const key = (equals < 0 ? item : item.slice(0, equals)).trim()
    const value = equals < 0 ? '' : item.slice(equals + 1).trim()
    if (!/^[+-]./.test(key) || (key.startsWith('+') && equals < 0))
      throw invalid(
        `attribute ${quote(item)}: write +key=value to add or change one and -key to remove it, separated by commas`,
      )
    if (key in changes) throw invalid(`attribute key ${quote(key)} is given twice`)
    changes[key] = value
  }
  return changes
}

/**
 * The attributes after the changes, as AttributeUtil.alterCurrentAttributes: a new topic can only add, an unchangeable one
 * stays as it is. Throws RequestError 29.
 */
export function alterAttributes(current: Attributes | undefined, changes: Attributes): Attributes {
  const result: Record<string, string> = { ...current }
  for (const [signedKey, value] of Object.entries(changes)) {
    const key = signedKey.slice(1)
    const rule = Object.hasOwn(RULES, key) ? RULES[key] : undefined
    if (rule === undefined)
      throw invalid(`unsupported key: ${quote(key)}; supported are ${Object.keys(RULES).join(', ')}`)
    if (signedKey.startsWith('-')) {
      if (current === undefined)
        throw invalid(`only add attribute is supported while creating topic. key: ${key}`)
      delete result[key]
      continue
    }
    if (!rule.allows(value))
      throw invalid(`attribute ${key}: ${quote(value)} is not allowed; it may be ${rule.allowed}`)
    const isChanged = current !== undefined && current[key] !== value
    if (isChanged && !rule.isChangeable)
      throw invalid(`attempt to update an unchangeable attribute. key: ${key}`)
    result[key] = value
  }
  return result
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 64))
const invalid = (remark: string): RequestError => new RequestError(ResponseCode.INVALID_PARAMETER, remark)
