import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { StoredMessage } from '../../message/message.ts'
import { parseOffsetMessageId } from '../../message/message-id.ts'
import { encodeProperties } from '../../message/properties.ts'
import { decodeRecord } from '../../message/record.ts'
import type { Command } from '../../remoting/command.ts'
import { MemoryLog } from './broker-fakes.ts'
import { type TestBroker, until } from './broker-fixture.ts'
import { type HonestPair, startHonestPair } from './honest-pair.ts'
import { isPlain, Stranger } from './stranger.ts'
import { startWholeCluster, type WholeCluster } from './whole-cluster.ts'

/** A cluster with an honest pair at work, and a connection to the broker that means no good. */
export interface Misuse {
  readonly cluster: WholeCluster
  readonly broker: TestBroker
  readonly stranger: Stranger
  readonly honest: HonestPair
  readonly log: MemoryLog
  /** Sends with the fields of code 310 under their letters; the defaults make a good message for queue 0 of topic T. */
  send(changes?: Readonly<Record<string, string>>, body?: Uint8Array, code?: number): Promise<Command>
  /** The record that an answer to a send speaks of. */
  stored(answer: Command): Promise<StoredMessage>
  /** One past the last message of a queue. */
  maxOffset(topic: string, queueId?: number): number
  /** The connection still answers, nothing was answered by accident, the honest pair noticed nothing. */
  finish(): Promise<void>
}

export async function startMisuse(t: TestContext, text = ''): Promise<Misuse> {
  const log = new MemoryLog()
  const cluster = await startWholeCluster(t, { log, text })
  const honest = await startHonestPair(t, cluster)
  const broker = cluster.brokers[0]
  assert(broker)
  const stranger = await Stranger.connect(broker.address)
  const { store } = broker.broker
  return {
    cluster,
    broker,
    stranger,
    honest,
    log,
    send: (changes = {}, body = Buffer.from('x'), code = 310) =>
      stranger.ask(code, { ext: { ...GOOD_SEND, ...changes }, body }),
    async stored({ ext, remark }) {
      const id = parseOffsetMessageId(ext?.msgId?.split(',')[0] ?? '')
      assert(id, `the answer names no message: ${remark}`)
      await until('it is readable', () => store.status().dispatchedPosition > id.position)
      const record = await store.recordAt(id.position)
      assert(record, 'a record stands at its place')
      return decodeRecord(record, 0)
    },
    maxOffset: (topic, queueId = 0) => store.queueRange(topic, queueId).maxOffset,
    async finish() {
      assert.equal((await stranger.ask(9999)).code, 3, 'the connection lives')
      stranger.close()
      const accidents = log.lines.filter(({ event }) => event === 'request.failed')
      assert.deepEqual(
        accidents.map(({ fields }) => fields),
        [],
      )
      await honest.finish()
    },
  }
}

const GOOD_SEND = {
  a: 'P',
  b: 'T',
  c: 'TBW102',
  d: '4',
  e: '0',
  f: '0',
  g: '1700000000000',
  h: '0',
  i: '',
  j: '0',
  k: 'false',
  m: 'false',
}

export const properties = (pairs: Readonly<Record<string, string>>): string =>
  encodeProperties(Object.entries(pairs))

/** The answer refuses with this code, in plain words that match. */
export function assertRefused(answer: Command, code: number, remark: RegExp, what = ''): void {
  assert.equal(answer.code, code, `${what} ${answer.remark}`)
  assert.match(answer.remark ?? '', remark, what)
  assert(isPlain(answer.remark), `${answer.code} ${answer.remark}`)
}
