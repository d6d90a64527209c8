import { assert } from '../base/assert.ts'
import { crc31 } from '../base/crc32.ts'
import type { Log } from '../base/log.ts'
import type { Timer } from '../base/timer.ts'
import type { DataVersion } from '../remoting/bodies/data-version.ts'
import { registerBrokerBody } from '../remoting/bodies/register-broker.ts'
import { type TopicConfig, topicConfig } from '../remoting/bodies/topic-config.ts'
import type { FieldTable, HeaderOf } from '../remoting/fields.ts'
import type { RequestKind } from '../remoting/request.ts'
import { registerBroker } from '../remoting/requests/register-broker.ts'
import { unregisterBroker } from '../remoting/requests/unregister-broker.ts'
import { PERM_READ_WRITE } from './permissions.ts'
import type { TopicTable } from './topics.ts'

/** What is needed of remoting/client.ts. */
export interface Caller {
  call<H extends FieldTable, R extends FieldTable>(
    address: string,
    kind: RequestKind<H, R>,
    header: HeaderOf<H>,
    options: { readonly timeoutMs: number; readonly body?: Uint8Array },
  ): Promise<unknown>
}

/** Who this broker is to the nameservers. */
export interface BrokerIdentity {
  readonly brokerName: string
  readonly clusterName: string
  readonly brokerId: number
  /** What clients dial. */
  readonly brokerAddr: string
  readonly haServerAddr: string
}

export interface RegistrationOptions {
  /** `host:port;host:port`; names may stand for several addresses. */
  readonly nameservers: string
  readonly identity: BrokerIdentity
  readonly periodMs: number
  /** How long a nameserver has to answer. */
  readonly timeoutMs: number
  readonly topics: Pick<TopicTable, 'configs' | 'dataVersion'>
  /** brokerPermission as it is now. */
  readonly permission: () => number
  readonly caller: Caller
  /** All addresses of a host name; an IP address is its own. */
  readonly resolve: (host: string) => Promise<readonly string[]>
  readonly log: Log
  readonly monotonicMs: () => number
  readonly timer: Timer
}

/** How long somebody who changed a topic waits for the nameservers: well below the time-outs of stock tools. */
const CHANGE_WAIT_MS = 2000
const UNREGISTER_TIMEOUT_MS = 1500
/** First pause after a failure; doubles up to the period. */
const RETRY_MS = 1000

interface RegistrationBody {
  readonly version: DataVersion
  readonly permission: number
  readonly bytes: Buffer
  readonly crc: number
}

/** One nameserver by its address. */
interface Target {
  readonly address: string
  /** The registration under way, if any. */
  running: Promise<void> | undefined
  /** Something changed since the one under way began. */
  isStale: boolean
  nextAtMs: number
  failures: number
  isKnown: boolean
}

/**
 * Tells every nameserver that this broker lives and which topics it has: every period, at once after a change, and soon again
 * after a failure. Each nameserver is a conversation of its own, so that one that is down keeps nobody waiting.
 */
export class Registration {
  readonly #options: RegistrationOptions
  readonly #targets = new Map<string, Target>()
  #resolving: Promise<void> | undefined
  #resolveAtMs = 0
  #isStopped = false
  #body: RegistrationBody | undefined

  constructor(options: RegistrationOptions) {
    this.#options = options
  }

  /** Addresses that answered the last registration. */
  get registeredCount(): number {
    let count = 0
    for (const target of this.#targets.values()) if (target.isKnown && target.failures === 0) count++
    return count
  }

  /** Registers with all now; resolves when each answered or the time of a change is up. Never rejects. */
  async register(): Promise<void> {
    if (this.#isStopped) return
    if (this.#targets.size === 0) await this.#resolve()
    const all = Promise.all([...this.#targets.values()].map((target) => this.#refresh(target)))
    await this.#within(all, CHANGE_WAIT_MS)
  }

  /** The topic table changed: all nameservers hear of it, nobody waits. */
  changed(): void {
    if (this.#isStopped) return
    for (const target of this.#targets.values()) void this.#refresh(target)
  }

  /** A connection is gone, and with it our place in that nameserver's routes: it may just have been restarted. */
  disconnected(address: string): void {
    const target = this.#targets.get(address)
    if (target !== undefined)
      target.nextAtMs = Math.min(target.nextAtMs, this.#options.monotonicMs() + RETRY_MS)
  }

  tick(nowMonotonicMs: number): void {
    if (this.#isStopped) return
    if (nowMonotonicMs >= this.#resolveAtMs) void this.#resolve()
    // An administrator took a permission from the broker or gave it back: routes show it.
    if (this.#body !== undefined && this.#body.permission !== this.#options.permission()) this.changed()
    for (const target of this.#targets.values())
      if (target.running === undefined && nowMonotonicMs >= target.nextAtMs) void this.#refresh(target)
  }

  /** Takes the broker out of all routes. Resolves when each nameserver answered or its time was up; never rejects. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    const { identity, caller } = this.#options
    const header = {
      brokerName: identity.brokerName,
      brokerAddr: identity.brokerAddr,
      clusterName: identity.clusterName,
      brokerId: identity.brokerId,
    }
    const calls = [...this.#targets.values()].map(async (target) => {
      // A registration under way would come after and put the broker back.
      if (target.running !== undefined) await this.#within(target.running, UNREGISTER_TIMEOUT_MS)
      if (!target.isKnown) return
      await caller.call(target.address, unregisterBroker, header, { timeoutMs: UNREGISTER_TIMEOUT_MS })
    })
    await Promise.allSettled(calls)
  }

  /** One conversation at a time: a change during one is told by the next, however many there were. */
  #refresh(target: Target): Promise<void> {
    if (target.running !== undefined) {
      target.isStale = true
      return target.running
    }
    target.running = this.#converse(target).finally(() => {
      target.running = undefined
    })
    return target.running
  }

  async #converse(target: Target): Promise<void> {
    do {
      target.isStale = false
      await this.#registerAt(target)
    } while (target.isStale && target.failures === 0 && !this.#isStopped)
  }

  async #registerAt(target: Target): Promise<void> {
    const { identity, caller, log, periodMs, monotonicMs } = this.#options
    const { bytes, crc } = this.#encoded()
    try {
      await caller.call(
        target.address,
        registerBroker,
        { ...identity, compressed: false, bodyCrc32: crc },
        { timeoutMs: this.#options.timeoutMs, body: bytes },
      )
      if (!target.isKnown || target.failures > 0)
        log.info('registration.accepted', { nameserver: target.address, broker: identity.brokerAddr })
      target.isKnown = true
      target.failures = 0
      target.nextAtMs = monotonicMs() + periodMs
    } catch (error) {
      target.failures++
      target.nextAtMs = monotonicMs() + Math.min(periodMs, RETRY_MS * 2 ** Math.min(target.failures - 1, 6))
      const fields = { nameserver: target.address, failures: target.failures, error: String(error) }
      if (target.failures === 1) log.warn('registration.failed', fields)
      else log.debug('registration.failed', fields)
    }
  }

  /** The body is made once for each state of the topic table. */
  #encoded(): RegistrationBody {
    const { topics } = this.#options
    const permission = this.#options.permission()
    const known = this.#body
    if (known !== undefined && known.version === topics.dataVersion && known.permission === permission)
      return known
    const entries: string[] = []
    for (const config of topics.configs()) entries.push(entryText(config, permission))
    const dataVersion = shownVersion(topics.dataVersion, permission)
    const empty = registerBrokerBody.encodeText({
      topicConfigSerializeWrapper: {
        dataVersion,
        mappingDataVersion: dataVersion,
        topicConfigTable: {},
        topicQueueMappingDetailMap: {},
        topicQueueMappingInfoMap: {},
      },
      filterServerList: [],
    })
    assert(empty.includes(EMPTY_TABLE), 'the body has a place for the topics')
    const bytes = Buffer.from(empty.replace(EMPTY_TABLE, () => `"topicConfigTable":{${entries.join(',')}}`))
    this.#body = { version: topics.dataVersion, permission, bytes, crc: crc31(bytes) }
    return this.#body
  }

  /** Resolves when the promise settles, or after the time. */
  #within(promise: Promise<unknown>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.timer.after(ms, resolve)
      const done = (): void => {
        cancel()
        resolve()
      }
      promise.then(done, done)
    })
  }

  /** Looks the names up again: the nameservers of a cluster come and go. */
  #resolve(): Promise<void> {
    this.#resolving ??= this.#lookUp().finally(() => {
      this.#resolving = undefined
    })
    return this.#resolving
  }

  async #lookUp(): Promise<void> {
    this.#resolveAtMs = this.#options.monotonicMs() + this.#options.periodMs
    const found = new Set<string>()
    let isComplete = true
    const lookups = splitAddresses(this.#options.nameservers).map(async ({ host, port }) => {
      try {
        for (const ip of preferred(await this.#options.resolve(host))) found.add(joinAddress(ip, port))
      } catch (error) {
        isComplete = false
        this.#options.log.warn('registration.name-unknown', { nameserver: host, error: String(error) })
      }
    })
    await Promise.all(lookups)
    for (const address of found) if (!this.#targets.has(address)) this.#add(address)
    // An address may only be forgotten when every name could be asked; else it may belong to one that could not.
    if (isComplete)
      for (const address of this.#targets.keys()) if (!found.has(address)) this.#targets.delete(address)
    // A name that is not known yet (a pod that is starting) is asked for again soon.
    if (!isComplete) this.#resolveAtMs = this.#options.monotonicMs() + RETRY_MS
  }

  #add(address: string): void {
    this.#targets.set(address, {
      address,
      running: undefined,
      isStale: false,
      nextAtMs: 0,
      failures: 0,
      isKnown: false,
    })
  }
}

const EMPTY_TABLE = '"topicConfigTable":{}'
const entryTexts = new WeakMap<TopicConfig, { readonly permission: number; readonly text: string }>()

/** `"name":{…}`, made once for each state of a topic: one change among 100,000 topics does not encode the others again. */
function entryText(config: TopicConfig, permission: number): string {
  let entry = entryTexts.get(config)
  if (entry?.permission !== permission) {
    const shown = { ...config, perm: permittedBy(permission, config.perm) }
    entry = { permission, text: `${JSON.stringify(config.topicName)}:${topicConfig.encode(shown)}` }
    entryTexts.set(config, entry)
  }
  return entry.text
}

/** What the broker may not do, its topics may not either: clients look at the topic's permission in the route. */
const permittedBy = (broker: number, topic: number): number =>
  (broker & PERM_READ_WRITE) === PERM_READ_WRITE ? topic : topic & broker

/** A nameserver looks at the topics of a known broker only when their version differs from the one it has. */
const shownVersion = (version: DataVersion, permission: number): DataVersion => ({
  ...version,
  timestamp: version.timestamp + (PERM_READ_WRITE - (permission & PERM_READ_WRITE)),
})

/** `a:9876;b:9876`, with the port of a nameserver where none stands. Brackets of IPv6 addresses are taken off. */
export function splitAddresses(text: string): { host: string; port: number }[] {
  const addresses: { host: string; port: number }[] = []
  for (const part of text.split(';')) {
    const item = part.trim()
    if (item === '') continue
    const colon = item.lastIndexOf(':')
    const hasPort = colon > item.lastIndexOf(']') && /^\d+$/.test(item.slice(colon + 1))
    const host = (hasPort ? item.slice(0, colon) : item).replace(/^\[|\]$/g, '')
    addresses.push({ host, port: hasPort ? Number(item.slice(colon + 1)) : NAMESERVER_PORT })
  }
  return addresses
}

const NAMESERVER_PORT = 9876

/** One family only: `localhost` is 127.0.0.1 and ::1, but one nameserver. */
function preferred(addresses: readonly string[]): readonly string[] {
  const ipv4 = addresses.filter((ip) => !ip.includes(':'))
  return ipv4.length > 0 ? ipv4 : addresses
}

const joinAddress = (ip: string, port: number): string =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
