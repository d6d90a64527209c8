/**
 * Properties travel and are stored as one string:
 *
 *     name 0x01 value 0x02 name 0x01 value 0x02 …
 *
 * The last 0x02 may be missing. Pairs without a name, without 0x01 or with an empty value do not count, as in Java's
 * reader. A value that holds 0x01 or 0x02 can forge further pairs; so what the broker decides by never depends on a later
 * copy: of a broker-owned name the first counts, of all others the last, as Java's readers have it.
 */
export const NAME_END = '\u0001'
export const PAIR_END = '\u0002'

/** Names that the server reads or writes (protocol §4.2). */
export const Property = {
  KEYS: 'KEYS',
  TAGS: 'TAGS',
  WAIT: 'WAIT',
  DELAY: 'DELAY',
  RETRY_TOPIC: 'RETRY_TOPIC',
  REAL_TOPIC: 'REAL_TOPIC',
  REAL_QUEUE_ID: 'REAL_QID',
  TRANSACTION_PREPARED: 'TRAN_MSG',
  PRODUCER_GROUP: 'PGROUP',
  BUYER_ID: 'BUYER_ID',
  ORIGIN_MESSAGE_ID: 'ORIGIN_MESSAGE_ID',
  RECONSUME_TIME: 'RECONSUME_TIME',
  MAX_RECONSUME_TIMES: 'MAX_RECONSUME_TIMES',
  MSG_REGION: 'MSG_REGION',
  TRACE_ON: 'TRACE_ON',
  UNIQUE_KEY: 'UNIQ_KEY',
  INNER_NUM: 'INNER_NUM',
  INNER_BASE: 'INNER_BASE',
  INNER_MULTI_DISPATCH: 'INNER_MULTI_DISPATCH',
  INNER_MULTI_QUEUE_OFFSET: 'INNER_MULTI_QUEUE_OFFSET',
  TRANSACTION_ID: '__transactionId__',
  CORRELATION_ID: 'CORRELATION_ID',
  REPLY_TO_CLIENT: 'REPLY_TO_CLIENT',
  CLUSTER: 'CLUSTER',
  MESSAGE_TYPE: 'MSG_TYPE',
  POP_CK: 'POP_CK',
  FIRST_POP_TIME: '1ST_POP_TIME',
  SHARDING_KEY: '__SHARDINGKEY',
  TIMER_DELAY_SEC: 'TIMER_DELAY_SEC',
  TIMER_DELAY_MS: 'TIMER_DELAY_MS',
  TIMER_DELIVER_MS: 'TIMER_DELIVER_MS',
  TIMER_ENQUEUE_MS: 'TIMER_ENQUEUE_MS',
  TIMER_DEQUEUE_MS: 'TIMER_DEQUEUE_MS',
  TIMER_ROLL_TIMES: 'TIMER_ROLL_TIMES',
  TIMER_OUT_MS: 'TIMER_OUT_MS',
  BORN_HOST: '__BORNHOST',
  CRC32: '__CRC32#',
  DLQ_ORIGIN_TOPIC: 'DLQ_ORIGIN_TOPIC',
  DLQ_ORIGIN_MESSAGE_ID: 'DLQ_ORIGIN_MESSAGE_ID',
} as const

/** Properties with this prefix are never stored. */
export const TRANSIENT_PREFIX = '__RMQ.TRANSIENT.'

/**
 * Names whose value is the broker's word. A client that sets one on an ordinary send has it dropped or overwritten. PGROUP and
 * TRAN_MSG belong here, too, but a transactional send carries them by right.
 */
export const BROKER_OWNED: ReadonlySet<string> = new Set([
  Property.REAL_TOPIC,
  Property.REAL_QUEUE_ID,
  Property.MSG_REGION,
  Property.TRACE_ON,
  Property.CLUSTER,
  Property.POP_CK,
  Property.FIRST_POP_TIME,
  Property.INNER_NUM,
  Property.INNER_BASE,
  Property.INNER_MULTI_DISPATCH,
  Property.INNER_MULTI_QUEUE_OFFSET,
  Property.TIMER_ENQUEUE_MS,
  Property.TIMER_DEQUEUE_MS,
  Property.TIMER_ROLL_TIMES,
  Property.TIMER_OUT_MS,
  Property.DLQ_ORIGIN_TOPIC,
  Property.DLQ_ORIGIN_MESSAGE_ID,
  Property.CRC32,
  'POP_CK_OFFSET',
  'TRAN_PREPARED_QUEUE_OFFSET',
  'TRANSACTION_CHECK_TIMES',
  'PROPERTY_FORWARD_QUEUE_ID',
])

/** Of these the first copy counts. */
const isFirstWins = (name: string): boolean =>
  BROKER_OWNED.has(name) || name === Property.TRANSACTION_PREPARED || name === Property.PRODUCER_GROUP

/** Called with the bounds of each pair that counts: name [start, nameEnd), value [nameEnd + 1, end). */
type PairVisitor = (start: number, nameEnd: number, end: number) => void

function eachPair(text: string, visit: PairVisitor): void {
  let start = 0
  while (start < text.length) {
    let end = text.indexOf(PAIR_END, start)
    if (end < 0) end = text.length
    const nameEnd = text.indexOf(NAME_END, start)
    if (nameEnd > start && nameEnd < end - 1) visit(start, nameEnd, end)
    start = end + 1
  }
}

export function decodeProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  eachPair(text, (start, nameEnd, end) => {
    const name = text.slice(start, nameEnd)
    if (properties.has(name) && isFirstWins(name)) return
    properties.set(name, text.slice(nameEnd + 1, end))
  })
  return properties
}

/** Pairs with an empty value are left out: readers would drop them. */
export function encodeProperties(properties: Iterable<readonly [name: string, value: string]>): string {
  let text = ''
  for (const [name, value] of properties) if (value !== '') text += name + NAME_END + value + PAIR_END
  return text
}

/** One value without decoding the rest. */
export function findProperty(text: string, name: string): string | undefined {
  if (name === '') return undefined
  const isForward = isFirstWins(name)
  const needle = name + NAME_END
  let at = isForward ? text.indexOf(needle) : text.lastIndexOf(needle)
  while (at >= 0) {
    if (at === 0 || text[at - 1] === PAIR_END) {
      const start = at + needle.length
      let end = text.indexOf(PAIR_END, start)
      if (end < 0) end = text.length
      if (end > start) return text.slice(start, end)
    }
    if (isForward) at = text.indexOf(needle, at + 1)
    else at = at === 0 ? -1 : text.lastIndexOf(needle, at - 1)
  }
  return undefined
}

/** Adds pairs that `encodeProperties` made behind those of `text`. */
export function appendProperties(text: string, pairs: string): string {
  if (text === '' || pairs === '') return text + pairs
  return text.endsWith(PAIR_END) ? text + pairs : text + PAIR_END + pairs
}

/** Without all copies of the names given. Returns the same string when there is none. */
export function withoutProperties(text: string, isDropped: (name: string) => boolean): string {
  let kept = ''
  let keptFrom = 0
  let isChanged = false
  eachPair(text, (start, nameEnd, end) => {
    if (!isDropped(text.slice(start, nameEnd))) return
    kept += text.slice(keptFrom, start)
    keptFrom = end + 1
    isChanged = true
  })
  return isChanged ? kept + text.slice(keptFrom) : text
}

/** With exactly one copy of the name, at the end. */
export function withProperty(text: string, name: string, value: string): string {
  const rest = text.includes(name + NAME_END) ? withoutProperties(text, (other) => other === name) : text
  return appendProperties(rest, encodeProperties([[name, value]]))
}
