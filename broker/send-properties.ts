import {
  BROKER_OWNED,
  NAME_END,
  PAIR_END,
  Property,
  TRANSIENT_PREFIX,
  withoutProperties,
} from '../message/properties.ts'

/** What the broker reads out of the property string of a send, in one pass. */
export interface SendProperties {
  /** As sent without the pairs that are the broker's word; ends with PAIR_END or is empty. */
  readonly kept: string
  readonly hasUniqueKey: boolean
  /** DELAY, the first copy: 0 when there is none, NaN when it is no number. */
  readonly delayLevel: number
  /** False for WAIT=false: the sender does not want to wait for disk or replicas. */
  readonly isWaiting: boolean
  readonly isTransaction: boolean
  /** Asks for a delivery time, by none of the ways in which RocketMQ ignores that (a delay level, a time that is over). */
  readonly hasTimer: boolean
}

const NO_PROPERTIES: SendProperties = {
  kept: '',
  hasUniqueKey: false,
  delayLevel: 0,
  isWaiting: true,
  isTransaction: false,
  hasTimer: false,
}

type Role =
  | 'dropped'
  | 'unique-key'
  | 'delay'
  | 'wait'
  | 'transaction'
  | 'timer'
  | 'timer-done'
  | 'retry-topic'

const roles: ReadonlyMap<string, Role> = new Map<string, Role>([
  ...[...BROKER_OWNED].map((name) => [name, 'dropped'] as const),
  // Means something in a transaction only, and those are refused (send-message.ts).
  [Property.PRODUCER_GROUP, 'dropped'],
  [Property.UNIQUE_KEY, 'unique-key'],
  [Property.DELAY, 'delay'],
  [Property.WAIT, 'wait'],
  [Property.TRANSACTION_PREPARED, 'transaction'],
  [Property.TIMER_DELAY_SEC, 'timer'],
  [Property.TIMER_DELAY_MS, 'timer'],
  [Property.TIMER_DELIVER_MS, 'timer'],
  [Property.TIMER_OUT_MS, 'timer-done'],
  [Property.RETRY_TOPIC, 'retry-topic'],
])

/** First characters of names with a role: most names of users are told apart without looking them up. */
const isRoleInitial: readonly boolean[] = Array.from({ length: 128 }, (_, code) => {
  const initial = String.fromCharCode(code)
  return TRANSIENT_PREFIX.startsWith(initial) || [...roles.keys()].some((name) => name.startsWith(initial))
})

const NAME_END_CODE = NAME_END.charCodeAt(0)

/**
 * Reads the properties of a send. What the broker decides by comes from the first copy of a name; pairs that are the
 * broker's word are dropped in every copy (reliability M3, M4). On a send to a retry topic RETRY_TOPIC is the client's by
 * right: it says where the message came from.
 */
export function readSendProperties(text: string, isRetrySend: boolean): SendProperties {
  if (text === '') return NO_PROPERTIES
  const reader = new PropertyReader(text, isRetrySend)
  let start = 0
  while (start < text.length) {
    let end = text.indexOf(PAIR_END, start)
    if (end < 0) end = text.length
    if (isRoleInitial[text.charCodeAt(start)] === true) reader.pair(start, end)
    start = end + 1
  }
  return reader.result()
}

/** The state of one pass; exists because a closure per message would cost more. */
class PropertyReader {
  readonly #text: string
  readonly #isRetrySend: boolean
  #kept = ''
  #keptFrom = 0
  #hasUniqueKey = false
  #delay: string | undefined
  #wait: string | undefined
  #transaction: string | undefined
  #hasTimer = false
  #isTimerDone = false

  constructor(text: string, isRetrySend: boolean) {
    this.#text = text
    this.#isRetrySend = isRetrySend
  }

  pair(start: number, end: number): void {
    const text = this.#text
    let nameEnd = start
    while (nameEnd < end && text.charCodeAt(nameEnd) !== NAME_END_CODE) nameEnd++
    // Readers do not see pairs without a value; they stay as they were sent.
    if (nameEnd === start || nameEnd >= end - 1) return
    const name = text.slice(start, nameEnd)
    const role = roles.get(name) ?? (name.startsWith(TRANSIENT_PREFIX) ? 'dropped' : undefined)
    if (role !== undefined) this.#play(role, start, nameEnd, end)
  }

  #play(role: Role, start: number, nameEnd: number, end: number): void {
    switch (role) {
      case 'unique-key':
        this.#hasUniqueKey = true
        return
      case 'delay':
        this.#delay ??= this.#text.slice(nameEnd + 1, end)
        return
      case 'wait':
        this.#wait ??= this.#text.slice(nameEnd + 1, end)
        return
      case 'timer':
        this.#hasTimer = true
        return
      case 'transaction':
        this.#transaction ??= this.#text.slice(nameEnd + 1, end)
        break
      case 'timer-done':
        this.#isTimerDone = true
        break
      case 'retry-topic':
        if (this.#isRetrySend) return
        break
      case 'dropped':
        break
    }
    this.#kept += this.#text.slice(this.#keptFrom, start)
    this.#keptFrom = end + 1
  }

  result(): SendProperties {
    let rest = this.#keptFrom === 0 ? this.#text : this.#kept + this.#text.slice(this.#keptFrom)
    const delayLevel = this.#delay === undefined ? 0 : parseLevel(this.#delay)
    const isTimerIgnored = this.#hasTimer && (this.#isTimerDone || delayLevel > 0)
    if (isTimerIgnored) rest = withoutProperties(rest, (name) => roles.get(name) === 'timer')
    return {
      kept: rest === '' || rest.endsWith(PAIR_END) ? rest : rest + PAIR_END,
      hasUniqueKey: this.#hasUniqueKey,
      delayLevel,
      isWaiting: this.#wait === undefined || this.#wait.toLowerCase() !== 'false',
      isTransaction: this.#transaction !== undefined && this.#transaction.toLowerCase() === 'true',
      hasTimer: this.#hasTimer && !isTimerIgnored,
    }
  }
}

/** As Integer.parseInt, except that too large a level is not an error: it becomes the largest one later. */
const parseLevel = (text: string): number => (/^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN)
