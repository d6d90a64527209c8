import { ResponseCode } from '../remoting/codes.ts'
import { ConnectionError, RequestError } from '../remoting/errors.ts'
import type { MessageQueue } from './message.ts'
import { ProcessQueue } from './process-queue.ts'
import { pull } from './pull.ts'
import type { Session } from './session.ts'

/** A queue holds at most this before pulling pauses: messages, offsets between the oldest and the newest, bytes. */
const OPEN_MESSAGES_MAX = 1000
const SPAN_MAX = 2000
const OPEN_BYTES_MAX = 64 * 1024 * 1024
const FULL_PAUSE_MS = 50
const ERROR_PAUSE_MS = 3000
/** The broker has enough answers on their way to this connection. */
const FLOW_CONTROL_PAUSE_MS = 20
/** Within this the broker answers "nothing new"; long enough to be cheap, short enough to notice a dead broker. */
const SUSPEND_MS = 15_000

export interface ReaderParts {
  readonly session: Session
  readonly group: string
  readonly queue: MessageQueue
  readonly tags: string
  readonly subscriptionVersion: number
  readonly batchSize: number
  /** Called whenever messages were added. */
  readonly onMessages: () => void
  /** A server-side reset or a range error moved the queue to another offset: commit it. */
  readonly onMoved: (queue: MessageQueue, offset: number) => void
}

/** Pulls one queue into its process queue until it is dropped. Exactly one pull is under way at a time. */
export class QueueReader {
  readonly queue: MessageQueue
  #process: ProcessQueue
  readonly #parts: ReaderParts
  readonly #abort = new AbortController()

  constructor(parts: ReaderParts, startOffset: number) {
    this.#parts = parts
    this.queue = parts.queue
    this.#process = new ProcessQueue(startOffset)
  }

  get process(): ProcessQueue {
    return this.#process
  }

  /** Resolves when the queue was dropped. */
  async run(): Promise<void> {
    const { session } = this.#parts
    while (!this.#process.isDropped) {
      if (this.#isFull()) {
        await this.#pause(FULL_PAUSE_MS)
        continue
      }
      try {
        await this.#pullOnce()
      } catch (error) {
        if (this.#process.isDropped) return
        if (error instanceof RequestError && error.code === ResponseCode.FLOW_CONTROL) {
          await this.#pause(FLOW_CONTROL_PAUSE_MS)
          continue
        }
        session.log.warn('client.pull-failed', { queue: this.queue, error })
        if (error instanceof RequestError || error instanceof ConnectionError) {
          await session.heartbeat()
          await session.routes.refresh(this.queue.topic).catch(() => undefined)
        }
        await this.#pause(ERROR_PAUSE_MS)
      }
    }
  }

  drop(): void {
    this.#process.isDropped = true
    this.#abort.abort()
  }

  async #pullOnce(): Promise<void> {
    const { session, group, tags, batchSize, subscriptionVersion } = this.#parts
    const process = this.#process
    const result = await pull(session, {
      group,
      queue: this.queue,
      offset: process.nextOffset,
      maxCount: batchSize,
      suspendMs: SUSPEND_MS,
      tags,
      registeredVersion: subscriptionVersion,
      signal: this.#abort.signal,
    })
    if (process.isDropped) return
    if (result.status === 'moved') {
      // What is still open belongs to the old position; a fresh process queue keeps its offsets out of later commits.
      process.isDropped = true
      this.#process = new ProcessQueue(result.nextOffset)
      this.#parts.onMoved(this.queue, result.nextOffset)
      return
    }
    process.add(result.messages, result.nextOffset)
    if (result.messages.length > 0) this.#parts.onMessages()
  }

  #isFull(): boolean {
    const { openCount, span, bytes } = this.#process
    return openCount >= OPEN_MESSAGES_MAX || span >= SPAN_MAX || bytes >= OPEN_BYTES_MAX
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel()
        this.#abort.signal.removeEventListener('abort', finish)
        resolve()
      }
      const cancel = this.#parts.session.timer.after(ms, finish)
      this.#abort.signal.addEventListener('abort', finish)
    })
  }
}
