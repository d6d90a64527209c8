import { type Duplex, duplexPair } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { timestamp } from '../../base/units.ts'
import { hostBytes } from '../../message/host.ts'
import {
  type Command,
  decodeCommand,
  encodeFrame,
  HEADER_JSON,
  type HeaderFrame,
} from '../../remoting/command.ts'
import { Connection } from '../../remoting/connection.ts'
import { Dispatcher } from '../../remoting/dispatch.ts'
import { FrameDecoder } from '../../remoting/frame.ts'
import { DEFAULT_LIMITS, type RemotingLimits } from '../../remoting/limits.ts'

/** A clock that stands until it is told to go on. */
export interface ManualClock extends Clock {
  advance(ms: number): void
}

export function manualClock(startMs = 1_000_000): ManualClock {
  let nowMs = startMs
  return {
    now: () => timestamp(nowMs),
    monotonicMs: () => nowMs,
    advance: (ms) => {
      nowMs += ms
    },
  }
}

/** The far end of a connection, speaking in bytes or in commands. */
export interface FarEnd {
  readonly stream: Duplex
  /** All commands that arrived so far. */
  readonly commands: Command[]
  send(head: Partial<HeaderFrame>, ext?: Readonly<Record<string, string>>, body?: Uint8Array): void
  bytes(chunk: Uint8Array): void
}

export interface Wire {
  readonly near: Connection
  readonly far: FarEnd
  readonly clock: ManualClock
  readonly dispatcher: Dispatcher
  readonly closed: Promise<string>
}

export const head = (fields: Partial<HeaderFrame>): HeaderFrame => ({
  code: 0,
  language: 0,
  version: 479,
  opaque: 1,
  flag: 0,
  remark: undefined,
  ...fields,
})

/** A Connection over an in-memory stream, with its far end in the test's hand. `reads: false` leaves its output unread. */
export function wire(
  options: {
    readonly dispatcher?: Dispatcher
    readonly limits?: Partial<RemotingLimits>
    readonly clock?: ManualClock
    readonly reads?: boolean
    readonly form?: Command['headerForm']
  } = {},
): Wire {
  const [nearStream, farStream] = duplexPair()
  const clock = options.clock ?? manualClock()
  const dispatcher = options.dispatcher ?? new Dispatcher({ log: silentLog })
  const near = new Connection({
    stream: nearStream,
    remoteAddress: '10.0.0.9:5555',
    remoteHost: hostBytes('10.0.0.9', 5555) ?? Buffer.alloc(8),
    dispatcher,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    clock,
    language: 0,
    version: 479,
    ...(options.form === undefined ? {} : { form: options.form }),
  })
  const commands: Command[] = []
  const decoder = new FrameDecoder({ frameBytesMax: 2 ** 30 })
  if (options.reads !== false)
    farStream.on('data', (chunk: Buffer) => {
      decoder.push(chunk, (buffer, start, end) => {
        commands.push(decodeCommand(buffer, start, end))
        return true
      })
    })
  farStream.on('error', () => undefined)
  const far: FarEnd = {
    stream: farStream,
    commands,
    send: (fields, ext, body) =>
      void farStream.write(encodeFrame(head(fields), ext, body, options.form ?? HEADER_JSON)),
    bytes: (chunk) => void farStream.write(chunk),
  }
  const closed = new Promise<string>((resolve) => near.onClose(resolve))
  return { near, far, clock, dispatcher, closed }
}

/** Waits until the condition holds; fails after two seconds. */
export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  const deadline = performance.now() + 2000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not come about`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Lets everything that is due in the event loop happen, a few turns of it. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
