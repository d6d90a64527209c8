import type { Clock } from '../../base/clock.ts'
import type { Log, LogFields } from '../../base/log.ts'
import { timestamp } from '../../base/units.ts'
import { hostBytes } from '../../message/host.ts'
import { type Command, HEADER_JSON } from '../../remoting/command.ts'
import { codecOf, type FieldTable, type HeaderOf } from '../../remoting/fields.ts'
import type { Answer, Peer, Request } from '../../remoting/peer.ts'
import type { RequestKind } from '../../remoting/request.ts'

/** A clock that stands still until a test moves it. Wall clock and monotonic time move together. */
export class ManualClock implements Clock {
  wallMs = 1_700_000_000_000
  steadyMs = 1_000_000

  now() {
    return timestamp(this.wallMs)
  }

  monotonicMs(): number {
    return this.steadyMs
  }

  advance(ms: number): void {
    this.wallMs += ms
    this.steadyMs += ms
  }
}

/** A connection that only remembers what it was told. */
export class FakePeer implements Peer {
  static #ids = 0
  readonly id = ++FakePeer.#ids
  readonly remoteAddress: string
  readonly remoteHost: Uint8Array
  readonly unsentBytes = 0
  language = 0
  version = 479
  closeReason: string | undefined
  /** `NAME {header}` of every one-way request. */
  readonly told: string[] = []
  readonly #listeners: ((reason: string) => void)[] = []

  constructor(port = 40_000 + (FakePeer.#ids % 20_000)) {
    this.remoteAddress = `10.0.0.1:${port}`
    this.remoteHost = hostBytes('10.0.0.1', port) ?? new Uint8Array(8)
  }

  get isClosed(): boolean {
    return this.closeReason !== undefined
  }

  call<R extends FieldTable>(): Promise<Answer<R>> {
    return Promise.reject(new Error('a fake peer answers nothing'))
  }

  tell<H extends FieldTable>(kind: RequestKind<H, FieldTable>, header: HeaderOf<H>): void {
    this.told.push(`${kind.name} ${JSON.stringify(header)}`)
  }

  close(reason: string): void {
    if (this.closeReason !== undefined) return
    this.closeReason = reason
    for (const listener of this.#listeners.splice(0)) listener(reason)
  }

  onClose(listener: (reason: string) => void): void {
    if (this.closeReason === undefined) this.#listeners.push(listener)
    else listener(this.closeReason)
  }
}

/** A log whose lines a test can look at: `level event`. */
export class MemoryLog implements Log {
  readonly lines: { readonly level: string; readonly event: string; readonly fields: LogFields }[] = []
  debug = (event: string, fields: LogFields = {}) => this.#add('debug', event, fields)
  info = (event: string, fields: LogFields = {}) => this.#add('info', event, fields)
  warn = (event: string, fields: LogFields = {}) => this.#add('warn', event, fields)
  error = (event: string, fields: LogFields = {}) => this.#add('error', event, fields)
  with = (): Log => this

  events(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.event)
  }

  #add(level: string, event: string, fields: LogFields): void {
    this.lines.push({ level, event, fields })
  }
}

/** A request as a handler gets it, its header as it would come over the wire. */
export function requestOf<H extends FieldTable, R extends FieldTable>(
  kind: RequestKind<H, R>,
  options: {
    readonly ext?: Readonly<Record<string, string>>
    readonly body?: string | Buffer
    readonly peer?: Peer
    readonly version?: number
    readonly isOneway?: boolean
  } = {},
): Request<H> {
  const ext = options.ext ?? {}
  const body = Buffer.isBuffer(options.body) ? options.body : Buffer.from(options.body ?? '')
  const command: Command = {
    code: kind.code,
    language: 0,
    version: options.version ?? 479,
    opaque: 1,
    flag: options.isOneway === true ? 2 : 0,
    remark: undefined,
    ext,
    headerForm: HEADER_JSON,
    body,
  }
  return {
    header: codecOf<H>(kind.header).read(ext),
    body,
    peer: options.peer ?? new FakePeer(),
    command,
    isOneway: options.isOneway === true,
  }
}
