import type { Clock } from '../base/clock.ts'
import type { Command } from './command.ts'
import { ConnectionError, FrameError, RequestError } from './errors.ts'
import { codecOf, type FieldTable, type HeaderCodec } from './fields.ts'
import type { Answer, CallOptions } from './peer.ts'
import type { RequestKind } from './request.ts'

interface Call {
  readonly name: string
  readonly replyCodec: HeaderCodec<FieldTable>
  readonly codes: readonly number[] | undefined
  readonly deadlineMs: number
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly onAbort: (() => void) | undefined
  readonly resolve: (answer: Answer<FieldTable>) => void
  readonly reject: (error: Error) => void
}

/**
 * The requests of ours on one connection that wait for their answers. One timer for all of them: it is set for the nearest
 * deadline and looks at every call when it fires, which with equal time limits is about once per limit.
 */
export class Calls {
  readonly #calls = new Map<number, Call>()
  readonly #clock: Clock
  readonly #callsMax: number
  readonly #peerName: string
  #nextOpaque = 0
  /** Called when the last call got its answer. */
  onEmpty: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #timerDueMs = Number.POSITIVE_INFINITY

  constructor(options: { readonly clock: Clock; readonly callsMax: number; readonly peerName: string }) {
    this.#clock = options.clock
    this.#callsMax = options.callsMax
    this.#peerName = options.peerName
  }

  get size(): number {
    return this.#calls.size
  }

  /** A number for the next request; one-way requests take theirs from here, too. */
  nextOpaque(): number {
    this.#nextOpaque = (this.#nextOpaque + 1) & 0x7fffffff
    return this.#nextOpaque
  }

  /** Registers a call and has `send` put it on the wire. The promise rejects with ConnectionError or RequestError. */
  start<R extends FieldTable>(
    kind: RequestKind<FieldTable, R>,
    options: CallOptions,
    send: (opaque: number) => void,
  ): Promise<Answer<R>> {
    const { signal, timeoutMs } = options
    if (signal?.aborted === true) return Promise.reject(this.#aborted(kind.name, signal))
    if (this.#calls.size >= this.#callsMax) {
      const text = `${kind.name} to ${this.#peerName} not sent: ${this.#callsMax} requests wait for answers`
      return Promise.reject(new ConnectionError('refused', text))
    }
    const { promise, resolve, reject } = Promise.withResolvers<Answer<R>>()
    const opaque = this.nextOpaque()
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs
    let onAbort: (() => void) | undefined
    if (signal !== undefined) {
      onAbort = () => this.#take(opaque)?.reject(this.#aborted(kind.name, signal))
      signal.addEventListener('abort', onAbort, { once: true })
    }
    this.#calls.set(opaque, {
      name: kind.name,
      replyCodec: codecOf(kind.reply) as unknown as HeaderCodec<FieldTable>,
      codes: options.codes,
      deadlineMs,
      timeoutMs,
      signal,
      onAbort,
      resolve: resolve as Call['resolve'],
      reject,
    })
    this.#setTimer(deadlineMs)
    send(opaque)
    return promise
  }

  /** Gives an answer to its call. False when nobody waits for it (any more). */
  settle(command: Command): boolean {
    const call = this.#take(command.opaque)
    if (call === undefined) return false
    if (command.code !== 0 && call.codes?.includes(command.code) !== true) {
      call.reject(new RequestError(command.code, command.remark ?? `${call.name} answered ${command.code}`))
      return true
    }
    try {
      call.resolve({ header: call.replyCodec.readPartial(command.ext), body: command.body, command })
    } catch (error) {
      const text = error instanceof RequestError ? error.remark : String(error)
      call.reject(new FrameError(`answer of ${this.#peerName} to ${call.name}: ${text}`, { cause: error }))
    }
    return true
  }

  /** The connection is gone. */
  rejectAll(reason: string): void {
    this.onEmpty = undefined
    clearTimeout(this.#timer)
    this.#timerDueMs = Number.POSITIVE_INFINITY
    for (const [opaque, call] of this.#calls) {
      this.#take(opaque)
      call.reject(
        new ConnectionError('closed', `${call.name}: connection to ${this.#peerName} closed: ${reason}`),
      )
    }
  }

  #take(opaque: number): Call | undefined {
    const call = this.#calls.get(opaque)
    if (call === undefined) return undefined
    this.#calls.delete(opaque)
    if (call.onAbort !== undefined) call.signal?.removeEventListener('abort', call.onAbort)
    if (this.#calls.size === 0) {
      // The timer stays for the next call but keeps no process alive meanwhile.
      this.#timer?.unref()
      if (this.onEmpty !== undefined) queueMicrotask(this.onEmpty)
    }
    return call
  }

  #aborted(name: string, signal: AbortSignal): ConnectionError {
    return new ConnectionError('aborted', `${name} to ${this.#peerName} aborted`, { cause: signal.reason })
  }

  #setTimer(dueMs: number): void {
    if (dueMs >= this.#timerDueMs) {
      if (this.#calls.size === 1) this.#timer?.ref()
      return
    }
    clearTimeout(this.#timer)
    this.#timerDueMs = dueMs
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, Math.ceil(dueMs - this.#clock.monotonicMs())))
  }

  #expire(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonicMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const [opaque, call] of this.#calls) {
      if (call.deadlineMs > now) nextMs = Math.min(nextMs, call.deadlineMs)
      else {
        this.#take(opaque)
        const text = `${call.name}: no answer from ${this.#peerName} within ${call.timeoutMs} ms`
        call.reject(new ConnectionError('timeout', text))
      }
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#setTimer(nextMs)
  }
}
