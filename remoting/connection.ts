import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import type { HostBytes } from '../message/message.ts'
import { Calls } from './calls.ts'
import { ResponseCode } from './codes.ts'
import { type Command, decodeCommand, extToJson, FLAG_ONEWAY, FLAG_RESPONSE, HEADER_JSON } from './command.ts'
import type { AnyReply, Dispatcher, Route } from './dispatch.ts'
import { FrameError } from './errors.ts'
import { codecOf, type FieldTable, type HeaderCodec, type HeaderOf } from './fields.ts'
import { FrameDecoder } from './frame.ts'
import { REMARK_LENGTH_MAX, type RemotingLimits } from './limits.ts'
import { Outbox } from './outbox.ts'
import type { Answer, CallOptions, Peer } from './peer.ts'
import type { RequestKind } from './request.ts'
import { VERSION_GO_AWAY_ABOVE } from './versions.ts'

export interface ConnectionOptions {
  readonly stream: Duplex
  readonly remoteAddress: string
  readonly remoteHost: HostBytes
  readonly dispatcher: Dispatcher
  readonly limits: RemotingLimits
  readonly clock: Clock
  /** What our frames say of us. */
  readonly language: number
  readonly version: number
  /** Header form of our requests until the peer has shown its own. */
  readonly form?: Command['headerForm']
}

let lastId = 0
/** Handed to the stream in one go at most, so that a write of a slow reader still shows progress. */
const WRITE_BYTES_MAX = 1024 * 1024
/** A peer that only takes pushes and never speaks is closed after its idle time and this. */
const SILENCE_GRACE_MS = 30_000

/** Connections with something to write; all of them are written at the end of the turn of the event loop. */
let dirty: Connection[] = []

function flushDirty(): void {
  const connections = dirty
  dirty = []
  for (const connection of connections) connection.flush()
}

/**
 * One peer on one stream: cuts frames, serves requests, matches answers, writes. Requests of one chunk are served one
 * after the other before anything is written; all frames of one turn leave in one write. It is not read while its peer owes
 * us reading or while too much of its work is under way.
 */
export class Connection implements Peer {
  readonly id: number
  readonly remoteAddress: string
  readonly remoteHost: HostBytes
  isClosed = false
  language: number
  version: number

  readonly #stream: Duplex
  readonly #options: ConnectionOptions
  readonly #decoder: FrameDecoder
  readonly #outbox = new Outbox()
  readonly #calls: Calls
  /** Header form of the newest frame of the peer. */
  #form: Command['headerForm']
  #inFlight = 0
  #waiting = 0
  #isDirty = false
  #isWriting = false
  #writingBytes = 0
  #isPaused = false
  #isResuming = false
  #isDraining = false
  #isEnding = false
  #closeListeners: ((reason: string) => void)[] = []
  #closeReason = ''
  #readAtMs: number
  #wroteAtMs: number
  #writeStartedAtMs = 0
  /** Of the first byte of the unfinished frame; 0 when there is none. */
  #frameStartedAtMs = 0
  #framesSeen = 0
  /** Bytes that were read before the pause and are not decoded yet: less than a chunk or two. */
  #rest: Buffer | undefined
  /** Answers nobody waited for. */
  strayAnswers = 0

  readonly #onFrame = (buffer: Buffer, start: number, end: number): boolean => {
    this.#framesSeen += 1
    const command = decodeCommand(buffer, start, end)
    if ((command.flag & FLAG_RESPONSE) === 0) this.#serve(command)
    else if (!this.#calls.settle(command)) this.strayAnswers += 1
    return !this.isClosed && !this.#isHeavy()
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (this.isClosed || error) return
    this.#isWriting = false
    this.#writingBytes = 0
    this.#wroteAtMs = this.#options.clock.monotonicMs()
    if (this.#outbox.bytes > 0) this.flush()
    else this.#outbox.usePrivateSlab(false)
    if (this.#isPaused) this.#resumeIfLight()
    if (this.#isEnding && !this.#isWriting) this.#stream.end()
  }

  constructor(options: ConnectionOptions) {
    lastId += 1
    this.id = lastId
    this.remoteAddress = options.remoteAddress
    this.remoteHost = options.remoteHost
    this.language = options.language
    this.version = options.version
    this.#options = options
    this.#stream = options.stream
    this.#form = options.form ?? HEADER_JSON
    this.#decoder = new FrameDecoder(options.limits)
    this.#calls = new Calls({
      clock: options.clock,
      callsMax: options.limits.callsMax,
      peerName: options.remoteAddress,
    })
    this.#readAtMs = options.clock.monotonicMs()
    this.#wroteAtMs = this.#readAtMs
    this.#stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    this.#stream.on('end', () => this.close('closed by the peer'))
    this.#stream.on('error', (error) => this.close(error.message))
    this.#stream.on('close', () => this.close('closed'))
  }

  /** Weight of the peer's requests that have no answer yet, waiting ones left out. */
  get inFlight(): number {
    return this.#inFlight
  }

  get unsentBytes(): number {
    return this.#outbox.bytes + this.#writingBytes
  }

  /** Bytes held for this peer: unsent output and the unfinished frame. */
  get heldBytes(): number {
    return this.unsentBytes + this.#decoder.pendingBytes + (this.#rest?.length ?? 0)
  }

  call<H extends FieldTable, R extends FieldTable>(
    kind: RequestKind<H, R>,
    header: HeaderOf<H>,
    options: CallOptions,
  ): Promise<Answer<R>> {
    return this.#calls.start(kind as unknown as RequestKind<FieldTable, R>, options, (opaque) => {
      if (this.isClosed) this.#calls.rejectAll(this.#closeReason)
      else this.#request(kind, header, opaque, 0, options.body)
    })
  }

  tell<H extends FieldTable>(kind: RequestKind<H, FieldTable>, header: HeaderOf<H>, body?: Uint8Array): void {
    if (!this.isClosed) this.#request(kind, header, this.#calls.nextOpaque(), FLAG_ONEWAY, body)
  }

  onClose(listener: (reason: string) => void): void {
    if (this.isClosed) listener(this.#closeReason)
    else this.#closeListeners.push(listener)
  }

  /** At once; what was not written is lost. */
  close(reason: string): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#closeReason = reason
    this.#outbox.clear()
    this.#writingBytes = 0
    this.#rest = undefined
    this.#stream.destroy()
    this.#calls.rejectAll(reason)
    const listeners = this.#closeListeners
    this.#closeListeners = []
    for (const listener of listeners) listener(reason)
  }

  /** New requests are answered with GO_AWAY from now on, those under way still get their answers. */
  drain(): void {
    this.#isDraining = true
  }

  /** Writes what there is, then closes. */
  end(): void {
    if (this.isClosed) return
    this.#isEnding = true
    this.flush()
    if (!this.#isWriting) this.#stream.end()
  }

  /** Closes once our calls have their answers (or their time is up). For a server that is going away. */
  closeWhenAnswered(reason: string): void {
    if (this.#calls.size === 0) this.close(reason)
    else this.#calls.onEmpty = () => this.close(reason)
  }

  /** Closes a connection whose peer is too slow, too silent or gone. Times are those of the monotonic clock. */
  tick(nowMs: number): void {
    const { frameTimeoutMs, idleTimeoutMs, stuckTimeoutMs } = this.#options.limits
    if (this.#isWriting && nowMs - this.#writeStartedAtMs > stuckTimeoutMs)
      this.close(`the peer took no bytes for ${stuckTimeoutMs} ms`)
    else if (this.#isPaused) return
    else if (this.#frameStartedAtMs > 0 && nowMs - this.#frameStartedAtMs > frameTimeoutMs)
      this.close(`a frame was not complete within ${frameTimeoutMs} ms`)
    else {
      const silentMs = nowMs - this.#readAtMs
      if (
        (silentMs > idleTimeoutMs && nowMs - this.#wroteAtMs > idleTimeoutMs) ||
        silentMs > idleTimeoutMs + SILENCE_GRACE_MS
      )
        this.close(`idle for ${Math.round(silentMs)} ms`)
    }
  }

  /** Writes what is in the outbox. Called by the end of the turn; one write is under way at most. */
  flush(): void {
    this.#isDirty = false
    if (this.isClosed || this.#isWriting || this.#outbox.bytes === 0) return
    const parts = this.#outbox.take(WRITE_BYTES_MAX)
    this.#isWriting = true
    this.#writeStartedAtMs = this.#options.clock.monotonicMs()
    let bytes = 0
    for (const part of parts) bytes += part.length
    this.#writingBytes = bytes
    const last = parts.length - 1
    if (last > 0) this.#stream.cork()
    for (let index = 0; index < last; index++) this.#stream.write(parts[index])
    this.#stream.write(parts[last], this.#onWritten)
    if (last > 0) this.#stream.uncork()
    if (this.#stream.writableLength > 0) this.#outbox.usePrivateSlab(true)
  }

  #onData(chunk: Buffer): void {
    if (this.isClosed) return
    const now = this.#options.clock.monotonicMs()
    this.#readAtMs = now
    // A stream that was paused may have had one more chunk on its way.
    if (this.#isPaused) this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    else this.#decode(chunk, now)
  }

  #decode(chunk: Buffer, nowMs: number): void {
    const framesBefore = this.#framesSeen
    let done = 0
    try {
      done = this.#decoder.push(chunk, this.#onFrame)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.close(error.message)
    }
    if (this.isClosed) return
    if (this.#decoder.pendingBytes === 0) this.#frameStartedAtMs = 0
    else if (this.#frameStartedAtMs === 0 || this.#framesSeen !== framesBefore) this.#frameStartedAtMs = nowMs
    if (!this.#isHeavy()) return
    this.#isPaused = true
    if (done < chunk.length) this.#rest = chunk.subarray(done)
    this.#stream.pause()
  }

  #serve(command: Command): void {
    this.language = command.language
    this.version = command.version
    this.#form = command.headerForm
    const isOneway = (command.flag & FLAG_ONEWAY) !== 0
    const { dispatcher } = this.#options
    if (this.#isDraining) {
      if (!isOneway) this.#answer(command.opaque, command.headerForm, undefined, goAway(command.version))
      return
    }
    const route = dispatcher.find(command.code)
    const reply = dispatcher.serve(route, command, this)
    if (reply instanceof Promise) this.#answerLater(command, route, reply, isOneway)
    else if (!isOneway) this.#answer(command.opaque, command.headerForm, route, reply)
  }

  /** Keeps of the command what the answer needs and lets the rest go: a long poll lasts. */
  #answerLater(
    { opaque, headerForm, code }: Command,
    route: Route | undefined,
    promise: Promise<AnyReply>,
    isOneway: boolean,
  ): void {
    const waits = route?.waits === true
    const weight = route?.weight ?? 1
    if (waits) this.#waiting += 1
    else this.#inFlight += weight
    const done = (reply: AnyReply): void => {
      if (waits) this.#waiting -= 1
      else this.#inFlight -= weight
      if (this.isClosed) return
      if (!isOneway) this.#answer(opaque, headerForm, route, reply)
      if (this.#isPaused) this.#resumeSoon()
    }
    promise.then(done, (error) => done(this.#options.dispatcher.failed(error, code, this)))
  }

  #answer(opaque: number, form: Command['headerForm'], route: Route | undefined, reply: AnyReply): void {
    const { language, version } = this.#options
    const head = {
      code: reply.code ?? ResponseCode.SUCCESS,
      language,
      version,
      opaque,
      flag: FLAG_RESPONSE,
      remark: reply.remark?.slice(0, REMARK_LENGTH_MAX),
    }
    this.#write(form, head, route?.replyCodec, reply.header, reply.extra, reply.body)
  }

  #request<H extends FieldTable>(
    kind: RequestKind<H, FieldTable>,
    header: HeaderOf<H>,
    opaque: number,
    flag: number,
    body: Uint8Array | undefined,
  ): void {
    const { language, version } = this.#options
    const head = { code: kind.code, language, version, opaque, flag, remark: undefined }
    const codec = codecOf(kind.header) as unknown as HeaderCodec<FieldTable>
    this.#write(this.#form, head, codec, header as HeaderOf<FieldTable>, undefined, body)
  }

  #write(
    form: Command['headerForm'],
    head: Parameters<Outbox['addFrame']>[1],
    codec: HeaderCodec<FieldTable> | undefined,
    header: Partial<HeaderOf<FieldTable>> | undefined,
    extra: Readonly<Record<string, string>> | undefined,
    body: Uint8Array | readonly Uint8Array[] | undefined,
  ): void {
    if (form === HEADER_JSON) {
      let json = header === undefined || codec === undefined ? '' : codec.toJson(header)
      if (extra !== undefined) {
        const more = extToJson(extra)
        json = json === '' || more === '' ? json + more : `${json},${more}`
      }
      this.#outbox.addFrame(form, head, json, undefined, body)
    } else {
      const ext: Record<string, string> = { ...extra }
      if (header !== undefined && codec !== undefined) codec.addTo(ext, header)
      this.#outbox.addFrame(form, head, '', ext, body)
    }
    if (!this.#isDirty) {
      this.#isDirty = true
      if (dirty.push(this) === 1) setImmediate(flushDirty)
    }
  }

  #isHeavy(): boolean {
    const { inFlightMax, waitingMax, unsentHighBytes } = this.#options.limits
    return this.#inFlight >= inFlightMax || this.#waiting >= waitingMax || this.unsentBytes > unsentHighBytes
  }

  /** In a turn of its own: answers that come without one would let a peer that asks for more have every turn. */
  #resumeSoon(): void {
    if (this.#isResuming) return
    this.#isResuming = true
    setImmediate(() => {
      this.#isResuming = false
      if (this.#isPaused && !this.isClosed) this.#resumeIfLight()
    })
  }

  #resumeIfLight(): void {
    const { inFlightMax, waitingMax, unsentLowBytes } = this.#options.limits
    if (this.#inFlight * 2 > inFlightMax || this.#waiting >= waitingMax) return
    if (this.unsentBytes > unsentLowBytes) return
    this.#isPaused = false
    // The time in which we did not read is not the peer's.
    const now = this.#options.clock.monotonicMs()
    this.#readAtMs = now
    if (this.#frameStartedAtMs > 0) this.#frameStartedAtMs = now
    const rest = this.#rest
    this.#rest = undefined
    if (rest !== undefined) this.#decode(rest, now)
    if (!this.#isPaused && !this.isClosed) this.#stream.resume()
  }
}

/** Old clients do not know 1500; all retry elsewhere on 2. */
function goAway(version: number): AnyReply {
  const knowsGoAway = version > VERSION_GO_AWAY_ABOVE
  return {
    code: knowsGoAway ? ResponseCode.GO_AWAY : ResponseCode.SYSTEM_BUSY,
    remark: 'the server is shutting down: use another one or connect again',
  }
}
