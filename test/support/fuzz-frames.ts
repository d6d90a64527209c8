import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../base/clock.ts'
import { encodeBatch } from '../../message/batch.ts'
import {
  type Command,
  decodeCommand,
  encodeFrame,
  HEADER_BINARY,
  HEADER_JSON,
} from '../../remoting/command.ts'
import { registrationBody } from './nameserver-fixtures.ts'
import { below, pick, randomBytes } from './random.ts'
import { headerMutations, oddBodies, sampleHeader } from './request-mutations.ts'
import { head } from './wire.ts'

/** A request that a server understands. */
interface Valid {
  readonly code: number
  readonly ext: Readonly<Record<string, string>>
  readonly body: Buffer
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const valid = (
  code: number,
  changes: Record<string, string> = {},
  body: Buffer = Buffer.alloc(0),
): Valid => ({
  code,
  ext: { ...sampleHeader(code), ...changes },
  body,
})

const consumer = {
  groupName: 'fuzz-group',
  consumeType: 'CONSUME_PASSIVELY',
  messageModel: 'CLUSTERING',
  consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
  subscriptionDataSet: [
    { topic: 'fuzz-topic', subString: 'a || b', subVersion: 1, tagsSet: ['a'], codeSet: [97] },
  ],
  unitMode: false,
}
const beat = json({
  clientID: 'fuzz',
  consumerDataSet: [consumer],
  producerDataSet: [{ groupName: 'fuzz-p' }],
})
const locks = json({
  consumerGroup: 'fuzz-group',
  clientId: 'fuzz',
  mqSet: [{ topic: 'fuzz-topic', brokerName: 'broker-0', queueId: 0 }],
})
const send = {
  a: 'fuzz-p',
  b: 'fuzz-topic',
  c: 'TBW102',
  d: '4',
  e: '0',
  f: '0',
  g: '1',
  h: '0',
  i: 'TAGS\u0001a\u0002KEYS\u0001k\u0002',
  j: '0',
  k: 'false',
  m: 'false',
}
const place = { topic: 'fuzz-topic', queueId: '0', consumerGroup: 'fuzz-group' }
const pull = { ...place, queueOffset: '0', sysFlag: '4', subscription: '*', suspendTimeoutMillis: '0' }
const batch = encodeBatch([
  { flag: 0, body: Buffer.from('one'), properties: 'TAGS\u0001a\u0002' },
  { flag: 1, body: Buffer.from('two'), properties: '' },
])

/** What clients and tools say to a broker in a day, of things that only these frames name. */
const brokerRequests: readonly Valid[] = [
  valid(310, send, Buffer.from('hello')),
  valid(310, { ...send, e: '-1', i: 'DELAY\u00011\u0002' }, Buffer.from('later')),
  valid(310, { ...send, b: '%RETRY%fuzz-group', j: '2' }, Buffer.from('again')),
  valid(10, { topic: 'fuzz-topic', queueId: '1' }, Buffer.from('old')),
  valid(320, { ...send, m: 'true' }, batch),
  valid(11, pull),
  valid(11, {
    ...pull,
    sysFlag: '7',
    queueOffset: '999999',
    commitOffset: '1',
    suspendTimeoutMillis: '5000',
  }),
  valid(361, { ...pull, maxMsgNums: '1' }),
  valid(12, { topic: 'fuzz-topic', key: 'k', endTimestamp: '9223372036854775807' }),
  valid(14, place),
  valid(15, { ...place, commitOffset: '1' }),
  valid(17, { topic: 'fuzz-topic', readQueueNums: '4', writeQueueNums: '4', attributes: '' }),
  valid(29, place),
  valid(30, place),
  valid(31, place),
  valid(32, place),
  valid(33, { topic: 'fuzz-topic', offset: '10000' }),
  valid(34, {}, beat),
  valid(35, { clientID: 'fuzz', producerGroup: 'fuzz-p', consumerGroup: 'fuzz-group' }),
  valid(36, { offset: '10000', group: 'fuzz-group', delayLevel: '0', originTopic: '' }),
  valid(38, { consumerGroup: 'fuzz-group' }),
  valid(41, {}, locks),
  valid(42, {}, locks),
  valid(18, {}, json({ topicConfigList: [{ topicName: 'fuzz-topic' }, { topicName: 'fuzz-2', perm: 6 }] })),
  valid(200, {}, json({ groupName: 'fuzz-group', retryQueueNums: 1, retryMaxTimes: 3 })),
  valid(225, {}, json({ groupConfigList: [{ groupName: 'fuzz-g2' }] })),
  valid(25, {}, Buffer.from('fileReservedTime=72\n')),
  ...[21, 26, 28, 43, 45, 201].map((code) => valid(code)),
  valid(202, { topic: 'fuzz-topic' }),
  valid(203, { consumerGroup: 'fuzz-group' }),
  valid(204, { producerGroup: 'fuzz-p' }),
  valid(208, { consumerGroup: 'fuzz-group', topic: 'fuzz-topic' }),
  valid(300, { topic: 'fuzz-topic' }),
  valid(351, { topic: 'fuzz-topic' }),
  valid(352, { group: 'fuzz-group' }),
  valid(207, { groupName: 'fuzz-g2', cleanOffset: 'true' }),
  valid(215, { topic: 'fuzz-2' }),
]

/** The same for a nameserver, brokers included. */
const nameserverRequests: readonly Valid[] = [
  valid(100, { namespace: 'fuzz', key: 'k', value: 'v' }),
  valid(101, { namespace: 'fuzz', key: 'k' }),
  valid(102, { namespace: 'fuzz', key: 'k' }),
  valid(
    103,
    {
      brokerName: 'fuzz-b',
      brokerAddr: '10.9.9.9:1',
      clusterName: 'F',
      brokerId: '0',
      bodyCrc32: '0',
      compressed: 'false',
    },
    registrationBody(['fuzz-topic', 'fuzz-2']),
  ),
  valid(104, { brokerName: 'fuzz-b', brokerAddr: '10.9.9.9:1', clusterName: 'F', brokerId: '0' }),
  valid(105, { topic: 'fuzz-topic' }),
  ...[106, 206, 304, 311, 312, 313, 319].map((code) => valid(code)),
  valid(205, { brokerName: 'fuzz-b' }),
  valid(327, { brokerName: 'fuzz-b' }),
  valid(216, { topic: 'fuzz-2' }),
  valid(219, { namespace: 'fuzz' }),
  valid(224, { cluster: 'F' }),
  valid(318, {}, Buffer.from('clusterTest=false\n')),
]

/** Frames of Java's clients and brokers as they went over the wire. */
function recordedRequests(): Buffer[] {
  const file = join(import.meta.dirname, '..', 'remoting', 'fixtures', 'java.json')
  const recorded: readonly { readonly frame: string }[] = JSON.parse(readFileSync(file, 'utf8'))
  return recorded
    .map(({ frame }) => Buffer.from(frame, 'hex'))
    .filter((frame) => (decodeCommand(frame).flag & 1) === 0)
}

/** Makes frames, right and wrong: valid ones, ones that are wrong in a field or a body, and ones with damaged bytes. */
export class FrameMaker {
  readonly #random: Random
  readonly #recorded = recordedRequests()
  readonly #bodies = oddBodies()
    .map(([, body]) => body)
    .filter((body) => body.length < 10_000)
  readonly #mutations = new Map<number, readonly Readonly<Record<string, string>>[]>()
  #requests = brokerRequests
  readonly #positions: string[] = []
  #opaque = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** A message is known to stand at this position of the log: requests that name one then mostly name a real one. */
  learn(position: number): void {
    if (!Number.isSafeInteger(position)) return
    this.#positions[below(this.#random, POSITIONS_MAX)] = String(position)
  }

  /** A connection to a broker or a nameserver, now and then with what belongs to the other. */
  chooseServer(server: 'broker' | 'nameserver'): void {
    this.#requests = (server === 'broker') === this.#random() < 0.97 ? brokerRequests : nameserverRequests
  }

  /** Of one connection to the server chosen. Damaged frames mostly stand at the end: what follows one is rarely looked at. */
  session(framesMax: number): Buffer[] {
    const random = this.#random
    const frames: Buffer[] = []
    for (let left = below(random, framesMax); left > 0; left--)
      frames.push(random() < 0.005 ? this.#damagedFrame() : this.#servedFrame())
    frames.push(random() < 0.3 ? this.#damagedFrame() : this.#servedFrame())
    return frames
  }

  /** A frame that is one, its request right or wrong. */
  #servedFrame(): Buffer {
    const kind = this.#random()
    if (kind < 0.3) return this.#valid()
    if (kind < 0.7) return this.#wrong()
    return this.#damagedBody()
  }

  #damagedFrame(): Buffer {
    return this.#damaged(this.#random() < 0.8 ? this.#valid() : pick(this.#random, this.#recorded))
  }

  #damagedBody(): Buffer {
    const random = this.#random
    const { code, ext, body } = pick(random, this.#requests)
    let bytes: Buffer = Buffer.from(body)
    for (let count = below(random, 3); count >= 0; count--) bytes = this.#damage(bytes)
    return this.#frame({ code, ext, body: bytes })
  }

  #frame({ code, ext: asked, body }: { code: number; ext: Valid['ext']; body: Uint8Array }): Buffer {
    const random = this.#random
    const offset = code === 33 || code === 36 ? this.#positions[below(random, POSITIONS_MAX)] : undefined
    const ext = offset !== undefined && random() < 0.7 ? { ...asked, offset } : asked
    const form: Command['headerForm'] = random() < 0.7 ? HEADER_JSON : HEADER_BINARY
    const flag = random() < 0.05 ? 2 : 0
    this.#opaque = (this.#opaque + 1) & 0xffffff
    return encodeFrame(head({ code, opaque: this.#opaque, flag }), ext, body, form)
  }

  #valid(): Buffer {
    return this.#frame(pick(this.#random, this.#requests))
  }

  #wrong(): Buffer {
    const random = this.#random
    const { code, ext, body } = pick(random, this.#requests)
    let mutations = this.#mutations.get(code)
    if (mutations === undefined) {
      // Names as long as a header may be would make nothing but long names.
      mutations = headerMutations(code)
        .map((mutation) => mutation.ext)
        .filter((fields) => Object.values(fields).every((text) => text.length < 1000))
      this.#mutations.set(code, mutations)
    }
    if (random() < 0.3) return this.#frame({ code, ext, body: pick(random, this.#bodies) })
    return this.#frame({ code, ext: { ...pick(random, mutations) }, body })
  }

  #damaged(frame: Buffer): Buffer {
    const random = this.#random
    let bytes: Buffer = Buffer.from(frame)
    for (let count = below(random, 4); count >= 0; count--) bytes = this.#damage(bytes)
    // Mostly the length is put right, so that what is inside gets its chance.
    if (bytes.length >= 8 && random() < 0.8) bytes.writeInt32BE(bytes.length - 4)
    return bytes
  }

  #damage(bytes: Buffer): Buffer {
    const random = this.#random
    if (bytes.length === 0) return Buffer.from(randomBytes(random, below(random, 4)))
    const at = below(random, bytes.length)
    switch (below(random, 7)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8))
        return bytes
      case 1:
        bytes[at] = below(random, 256)
        return bytes
      case 2:
        return Buffer.from(bytes.subarray(0, Math.max(1, at)))
      case 3:
        if (at + 4 <= bytes.length) bytes.writeInt32BE(pick(random, INTERESTING), at)
        return bytes
      case 4:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(random, bytes.length))])
      case 5:
        return Buffer.concat([
          bytes.subarray(0, at),
          randomBytes(random, below(random, 20)),
          bytes.subarray(at),
        ])
      default:
        // A digit for another: sizes, offsets and counts within the JSON.
        for (let place = at; place < bytes.length; place++) {
          const byte = bytes[place] ?? 0
          if (byte < 48 || byte > 57) continue
          bytes[place] = 48 + below(random, 10)
          break
        }
        return bytes
    }
  }
}

const POSITIONS_MAX = 64
const INTERESTING = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 65_535, 32_767, 16_777_216, 255]
