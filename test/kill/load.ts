import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { RemotingClient } from '../../remoting/client.ts'
import { ConnectionError, RequestError } from '../../remoting/errors.ts'
import { sendMessageV2 } from '../../remoting/requests/send-message-v2.ts'
import { updateAndCreateTopic } from '../../remoting/requests/update-and-create-topic.ts'
import { below, seededRandom } from '../support/random.ts'
import type { Ledger } from './ledger.ts'

export const TOPIC = 'KillTopic'
export const QUEUES = 4
const SENDERS = 12
export const TIMEOUT_MS = 20_000
/** Codes of an answer that promise less than was asked: stored, not known how well. */
const STORED_CODES = [10, 11, 12]

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Producers that send to one broker through all its ends and starts, and note every promise. */
export class Load {
  readonly #client = new RemotingClient({ log: silentLog, clock: systemClock, connectTimeoutMs: 1000 })
  readonly #address: string
  readonly #ledger: Ledger
  readonly #random: () => number
  #isRunning = false
  #nextId = 0
  #senders: Promise<void>[] = []
  /** How often what was answered instead of an acknowledgement. */
  readonly refusals = new Map<string, number>()

  constructor(address: string, ledger: Ledger, seed: number) {
    this.#address = address
    this.#ledger = ledger
    this.#random = seededRandom(seed)
  }

  async createTopic(): Promise<void> {
    const header = {
      topic: TOPIC,
      defaultTopic: 'TBW102',
      readQueueNums: QUEUES,
      writeQueueNums: QUEUES,
      perm: 6,
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: 0,
      order: false,
    }
    await this.#client.call(this.#address, updateAndCreateTopic, header, { timeoutMs: TIMEOUT_MS })
  }

  start(): void {
    this.#isRunning = true
    this.#senders = Array.from({ length: SENDERS }, (_, index) => this.#sendOn(index % QUEUES))
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    await Promise.all(this.#senders)
  }

  close(): void {
    this.#client.close()
  }

  async #sendOn(queueId: number): Promise<void> {
    while (this.#isRunning) {
      const id = `m${this.#nextId++}`
      const body = this.#body(id)
      this.#ledger.sending(id, body)
      try {
        await this.#sendOne(id, queueId, body)
        await pause(2 + below(this.#random, 4))
      } catch (error) {
        this.#note(id, error)
        await pause(5)
      }
    }
  }

  async #sendOne(id: string, queueId: number, body: Buffer): Promise<void> {
    const header = {
      producerGroup: 'kill-producer',
      topic: TOPIC,
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: QUEUES,
      queueId,
      sysFlag: 0,
      bornTimestamp: Date.now(),
      flag: 0,
      properties: `UNIQ_KEY\u0001${id}\u0002TAGS\u0001kill\u0002KEYS\u0001key-${id}\u0002`,
      reconsumeTimes: 0,
      unitMode: false,
      batch: false,
    }
    const answer = await this.#client.call(this.#address, sendMessageV2, header, {
      timeoutMs: TIMEOUT_MS,
      body,
      codes: STORED_CODES,
    })
    if (answer.command.code === 0)
      this.#ledger.acked(id, Number(answer.header.queueId), Number(answer.header.queueOffset))
    else this.#count(`code ${answer.command.code}`)
  }

  #note(id: string, error: unknown): void {
    if (error instanceof RequestError) {
      this.#ledger.refused(id)
      this.#count(`code ${error.code}`)
    } else if (error instanceof ConnectionError) this.#count('no connection')
    else throw error
  }

  #count(kind: string): void {
    this.refusals.set(kind, (this.refusals.get(kind) ?? 0) + 1)
  }

  /** Mostly a few hundred bytes; some are large enough to be torn in the middle. */
  #body(id: string): Buffer {
    const random = this.#random
    const size = random() < 0.02 ? below(random, 100_000) : 20 + below(random, 1500)
    const body = Buffer.alloc(Math.max(size, id.length + 1), `${id};`)
    if (size > 64) body.writeUInt32BE(below(random, 2 ** 32), body.length - 4)
    return body
  }
}
