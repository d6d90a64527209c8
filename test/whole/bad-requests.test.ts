import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { requestName } from '../../remoting/codes.ts'
import { type Command, HEADER_BINARY } from '../../remoting/command.ts'
import { requestList } from '../../remoting/request-list.ts'
import { MemoryLog } from '../support/broker-fakes.ts'
import { startHonestPair } from '../support/honest-pair.ts'
import {
  headerMutations,
  oddBodies,
  SAMPLE_GROUP,
  SAMPLE_TOPIC,
  sampleHeader,
} from '../support/request-mutations.ts'
import { isPlain, rawFrame, Stranger } from '../support/stranger.ts'
import { startWholeCluster, type WholeCluster } from '../support/whole-cluster.ts'

/** What issue 3 has a broker serve. A code that comes later is added here, and is then under all tests below. */
const BROKER_CODES = [
  10, 11, 12, 14, 15, 17, 18, 21, 25, 26, 28, 29, 30, 31, 32, 33, 34, 35, 36, 38, 41, 42, 43, 45, 200, 201,
  202, 203, 204, 207, 208, 215, 225, 300, 310, 320, 351, 352, 361,
]
const NAMESERVER_CODES = [
  100, 101, 102, 103, 104, 105, 106, 205, 206, 216, 217, 219, 224, 304, 311, 312, 313, 318, 319, 322, 327,
  901, 904,
]

/** Code 1 is an answer of RocketMQ in these cases, with a remark for people. */
const CODE_1 =
  /^(no consumer for this group|the producer group\[|can not find message by the offset|look message by offset failed|accurate timer message is not enabled|The broker does not support consumer to filter|register broker failed|crc32 not match|disable$)/

interface Scene {
  readonly cluster: WholeCluster
  readonly log: MemoryLog
  readonly broker: Stranger
  readonly nameserver: Stranger
  finish(): Promise<void>
}

/** A cluster with an honest pair at work, a topic and a group to misuse, and one connection to each server. */
async function scene(t: TestContext): Promise<Scene> {
  const log = new MemoryLog()
  const cluster = await startWholeCluster(t, { log })
  const honest = await startHonestPair(t, cluster)
  const broker = await Stranger.connect(cluster.brokers[0]?.address ?? '')
  const nameserver = await Stranger.connect(cluster.nameservers)
  const topic = { ...sampleHeader(17), readQueueNums: '4', writeQueueNums: '4', attributes: '' }
  assert.equal((await broker.ask(17, { ext: topic })).code, 0)
  const group = await broker.ask(200, { body: Buffer.from(`{"groupName":"${SAMPLE_GROUP}"}`) })
  assert.equal(group.code, 0)
  return {
    cluster,
    log,
    broker,
    nameserver,
    async finish() {
      for (const stranger of [broker, nameserver]) {
        assert.equal(stranger.isClosed, false, 'bad requests get answers, their connection lives')
        stranger.close()
      }
      assert.deepEqual(
        log.lines.filter(({ event }) => event === 'request.failed').map(({ fields }) => fields),
        [],
        'nothing was answered by accident',
      )
      await honest.finish()
    },
  }
}

function checkAnswer({ code, remark }: Command, what: string): void {
  assert(isPlain(remark), `${what}: ${code} ${remark}`)
  if (code === 1) assert.match(remark ?? '', CODE_1, what)
  if (code !== 0) assert((remark ?? '').length > 0, `${what}: ${code} without a word`)
  assert((remark ?? '').length <= 4096, `${what}: a remark of ${remark?.length} characters`)
}

/** All answers of a list of wishes, a few hundred under way at once. */
async function askAll<T>(
  items: readonly T[],
  ask: (item: T) => Promise<Command>,
  check: (answer: Command, item: T) => void,
): Promise<void> {
  for (let at = 0; at < items.length; at += 200)
    await Promise.all(items.slice(at, at + 200).map(async (item) => check(await ask(item), item)))
}

const sides = [
  { side: 'broker', codes: BROKER_CODES },
  { side: 'nameserver', codes: NAMESERVER_CODES },
] as const

for (const { side, codes } of sides) {
  test(`${side}: every field of every request that is missing, no number or out of range is refused with 29 and its name (F16)`, async (t) => {
    const { finish, ...strangers } = await scene(t)
    const stranger = strangers[side]
    let refusals = 0
    for (const code of codes) {
      const mutations = headerMutations(code)
      for (const form of [0, HEADER_BINARY] as const)
        await askAll(
          mutations,
          ({ ext }) => stranger.ask(code, { ext, form, body: Buffer.from('x') }),
          (answer, { what, unreadable }) => {
            const where = `${requestName(code)} ${what}`
            checkAnswer(answer, where)
            if (unreadable === undefined) return
            refusals += 1
            assert.equal(answer.code, 29, `${where}: ${answer.remark}`)
            assert.match(answer.remark ?? '', new RegExp(`header field ${unreadable}\\b`), where)
          },
        )
    }
    assert(refusals > 300, `only ${refusals} refusals`)
    await finish()
  })

  test(`${side}: every request with every kind of body gets an answer without internals (F15)`, async (t) => {
    const { finish, ...strangers } = await scene(t)
    const stranger = strangers[side]
    const bodies = oddBodies()
    for (const code of codes)
      await askAll(
        bodies,
        ([, body]) => stranger.ask(code, { ext: sampleHeader(code), body }),
        (answer, [what]) => checkAnswer(answer, `${requestName(code)} with ${what}`),
      )
    await finish()
  })

  test(`${side}: values of extFields of any JSON type are read or refused, never more (F7, F16)`, async (t) => {
    const { finish, ...strangers } = await scene(t)
    const stranger = strangers[side]
    const values = ['7', '-0', '1e400', 'true', 'null', '[]', '[1,"a"]', '{}', '{"a":{}}', '"\\u0000"']
    const items = codes.flatMap((code) =>
      Object.keys(sampleHeader(code)).flatMap((field) => values.map((value) => ({ code, field, value }))),
    )
    let opaque = 1_000_000
    await askAll(
      items,
      ({ code, field, value }) => {
        opaque += 1
        const others = Object.entries(sampleHeader(code)).filter(([name]) => name !== field)
        const ext = [...others, ['filler', 'x']].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)
        const header = `{"code":${code},"opaque":${opaque},"version":479,"extFields":{${ext.join(',')},"${field}":${value}}}`
        stranger.send(rawFrame(header, Buffer.from('x')))
        return stranger.answer(opaque)
      },
      (answer, { code, field, value }) =>
        checkAnswer(answer, `${requestName(code)} with ${field}: ${value} as JSON`),
    )
    await finish()
  })

  test(`${side}: unknown codes and those of the other server are answered with 3 (F10, F14)`, async (t) => {
    const { finish, ...strangers } = await scene(t)
    const stranger = strangers[side]
    const served = new Set<number>(codes)
    const odd = [-(2 ** 31), -32_768, -1, 0, 1, 4711, 32_767, 65_535, 65_536, 200_050, 2 ** 31 - 1]
    const sampled = Array.from({ length: 400 }, (_, at) => at * 164)
    const others = [...requestList.map(({ code }) => code), ...odd, ...sampled].filter(
      (code) => !served.has(code),
    )
    await askAll(
      others,
      (code) => stranger.ask(code, { ext: { topic: SAMPLE_TOPIC }, body: Buffer.from('{}') }),
      (answer, code) => {
        assert.equal(answer.code, 3)
        assert.equal(answer.remark, `request type ${code} not supported`)
      },
    )
    await askAll(
      codes,
      (code) => stranger.ask(code, { ext: sampleHeader(code) }),
      (answer, code) => assert.notEqual(answer.code, 3, `${requestName(code)} is served`),
    )
    await finish()
  })
}
