import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { HEADER_BINARY } from '../../remoting/command.ts'
import { MemoryLog } from '../support/broker-fakes.ts'
import { until } from '../support/broker-fixture.ts'
import { type HonestPair, startHonestPair } from '../support/honest-pair.ts'
import { below, randomBytes, seededRandom } from '../support/random.ts'
import { rawFrame, Stranger } from '../support/stranger.ts'
import { startWholeCluster, type WholeCluster } from '../support/whole-cluster.ts'

interface Scene {
  /** Broker and nameserver. */
  readonly servers: readonly string[]
  readonly cluster: WholeCluster
  readonly log: MemoryLog
  readonly honest: HonestPair
}

async function scene(t: TestContext): Promise<Scene> {
  const log = new MemoryLog()
  const cluster = await startWholeCluster(t, { log })
  const honest = await startHonestPair(t, cluster)
  return { cluster, servers: [cluster.brokers[0]?.address ?? '', cluster.nameservers], log, honest }
}

const bytes = (...values: readonly number[]): Buffer => Buffer.from(values)
const words = (...values: readonly number[]): Buffer => {
  const buffer = Buffer.alloc(4 * values.length)
  for (const [at, value] of values.entries()) buffer.writeInt32BE(value | 0, 4 * at)
  return buffer
}
/** A binary header with these lengths of remark and extFields, and what follows them. */
function binaryHeader(remarkBytes: number, extBytes: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(21)
  header.writeInt16BE(34, 0)
  header.writeInt32BE(remarkBytes, 13)
  header.writeInt32BE(extBytes, 17)
  return Buffer.concat([header, rest])
}

const json = (text: string): Buffer => rawFrame(text)
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const manyFields = `{"code":34,"extFields":{${Array.from({ length: 1025 }, (_, at) => `"k${at}":"v"`).join(',')}}}`

/** Everything that is no frame: the connection closes, at once and without a word. */
const malformed: readonly (readonly [row: string, what: string, bytes: Buffer])[] = [
  ...[0x01000000, 0x01000001, 0x7fffffff, 0x474554_20].map(
    (length) => ['F1', `length ${length}`, words(length)] as const,
  ),
  ...Array.from(
    { length: 31 },
    (_, bit) => ['F2', `length -2^31+2^${bit}`, words(-(2 ** 31) + 2 ** bit)] as const,
  ),
  ['F2', 'length -1', words(-1)],
  ...[0, 1, 2, 3].map(
    (length) => ['F3', `length ${length}`, Buffer.concat([words(length), bytes(0, 0, 0)])] as const,
  ),
  ['F4', 'a header one byte longer than the frame', Buffer.concat([words(6, 3), Buffer.from('{}')])],
  ['F4', 'a header of 2^24-1 bytes', Buffer.concat([words(6, 0xffffff), Buffer.from('{}')])],
  ['F5', 'no header, all body', Buffer.concat([words(8, 0), Buffer.from('{}{}')])],
  ['F5', 'no header and no body', words(4, 0)],
  ...Array.from(
    { length: 254 },
    (_, at) => ['F6', `header form ${at + 2}`, rawFrame('{}', undefined, at + 2)] as const,
  ),
  ...['', '[]', '1', 'null', '"x"', '{', '{"code":}', '\u0000', 'GET / HTTP/1.1'].map(
    (text) => ['F7', JSON.stringify(text), json(text === '' ? ' ' : text)] as const,
  ),
  ['F7', 'code as a text', json('{"code":"x"}')],
  ['F7', 'code beyond 32 bits', json('{"code":2147483648}')],
  ['F7', 'opaque 1e999', json('{"code":34,"opaque":1e999}')],
  ['F7', 'a fraction as flag', json('{"code":34,"flag":0.5}')],
  ['F7', 'depth within extFields', json(`{"code":34,"extFields":{"a":${nested(20_000)}}}`)],
  ['F7', 'depth beside extFields', json(`{"code":34,"x":${nested(20_000)}}`)],
  ['F7', 'depth of fastjson', json(`{code:34,x:${nested(20_000)}}`)],
  ['F7', 'objects as keys of keys', json(`{"code":34,${'{'.repeat(40)}a:1${'}:1'.repeat(40)}}`)],
  ['F7', 'a header of more than 64 KiB', json(`{"code":34,"remark":"${'x'.repeat(65_536)}"}`)],
  ['F8', 'remark of -1 bytes', rawFrame(binaryHeader(-1, 0), undefined, HEADER_BINARY)],
  ['F8', 'remark beyond the header', rawFrame(binaryHeader(2 ** 31 - 1, 0), undefined, HEADER_BINARY)],
  ['F8', 'extFields of -1 bytes', rawFrame(binaryHeader(0, -1), undefined, HEADER_BINARY)],
  ['F8', 'extFields beyond the header', rawFrame(binaryHeader(0, 2 ** 31 - 1), undefined, HEADER_BINARY)],
  [
    'F8',
    'a key of -1 bytes',
    rawFrame(binaryHeader(0, 6, bytes(255, 255, 0, 0, 0, 0)), undefined, HEADER_BINARY),
  ],
  [
    'F8',
    'a value of -1 bytes',
    rawFrame(binaryHeader(0, 6, bytes(0, 0, 255, 255, 255, 255)), undefined, HEADER_BINARY),
  ],
  ['F8', 'half a key length', rawFrame(binaryHeader(0, 1, bytes(0)), undefined, HEADER_BINARY)],
  ['F8', 'a binary header of 20 bytes', rawFrame(Buffer.alloc(20), undefined, HEADER_BINARY)],
  ['F9', '1,025 extFields', json(manyFields)],
  ['C7', 'TLS 1.2 hello', bytes(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3)],
  ['C7', 'HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['C7', 'HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ['C7', 'PROXY header', Buffer.from('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n')],
  ['C7', 'PROXY v2 header', Buffer.from('\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c', 'latin1')],
  ['C7', 'SSH', Buffer.from('SSH-2.0-OpenSSH_9.9\r\n')],
  ['C7', 'Redis', Buffer.from('*1\r\n$4\r\nPING\r\n')],
]

test('whatever is no frame closes its connection at once and disturbs no other (F1 to F9, C7)', async (t) => {
  const { servers, log, honest } = await scene(t)
  for (const server of servers)
    for (let at = 0; at < malformed.length; at += 64)
      await Promise.all(
        malformed.slice(at, at + 64).map(async ([row, what, frame]) => {
          const stranger = await Stranger.connect(server)
          stranger.send(frame)
          const timer = setTimeout(() => assert.fail(`${row} ${what}: still open after 5 s`), 5000)
          await stranger.closed
          clearTimeout(timer)
          assert.equal(stranger.answerCount, 0, `${row} ${what} was answered`)
        }),
      )
  // Each of the two servers says the first 20 and counts the rest.
  const told = log.lines.filter(({ event }) => event === 'remoting.closed')
  assert(told.length >= 20 && told.length <= 45, `${told.length} log lines`)
  await honest.finish()
})

test('a legal frame before an illegal one is served, one behind it is not', async (t) => {
  const { cluster, servers, honest } = await scene(t)
  const [broker = ''] = servers
  const stranger = await Stranger.connect(broker)
  const send = { ext: { a: 'P', b: 'half', c: 'TBW102', e: '0' }, body: Buffer.from('x') }
  assert.equal((await stranger.ask(310, send)).code, 0)
  const oneway = { ...send, flag: 2 }
  stranger.send(Buffer.concat([stranger.frame(310, 1, oneway), words(-1), stranger.frame(310, 2, oneway)]))
  await stranger.closed
  const stored = () => cluster.brokers[0]?.broker.store.queueRange('half', 0).maxOffset
  await until('the first of the two is stored', () => stored() === 2)
  await honest.finish()
  assert.equal(stored(), 2)
})

test('lengths up to 16 MiB without the bytes allocate nothing, however many connections say so (F1)', async (t) => {
  const { servers, honest } = await scene(t)
  const strangers = await Promise.all(
    Array.from({ length: 400 }, (_, at) => Stranger.connect(servers[at % servers.length] ?? '')),
  )
  const before = process.memoryUsage()
  for (const [at, stranger] of strangers.entries())
    stranger.send(Buffer.concat([words(16_777_212 - at, 100), Buffer.from('{"code":')]))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const after = process.memoryUsage()
  // 64 KiB each, and room for what the honest pair does meanwhile.
  const grownBytes = after.arrayBuffers - before.arrayBuffers
  assert(grownBytes < 400 * 64 * 1024 + 32 * 1024 * 1024, `${grownBytes} bytes more`)
  assert(
    strangers.every(({ isClosed }) => !isClosed),
    'a length within the limit is no error',
  )
  for (const stranger of strangers) stranger.close()
  await honest.finish()
})

test('JSON headers that are odd but legal are served: duplicate keys, __proto__, bytes that are no UTF-8 (F7)', async (t) => {
  const { servers, honest } = await scene(t)
  for (const server of servers) {
    const stranger = await Stranger.connect(server)
    const headers = [
      '{"code":1,"code":9999,"opaque":1,"opaque":101,"extFields":{"a":"1","a":"2"}}',
      '{"code":9999,"opaque":102,"__proto__":{"code":34},"extFields":{"__proto__":"x","constructor":"y"}}',
      '{"code":9999,"opaque":103,"remark":"\xff\xfe","extFields":{"\xc0":"\x80"}}',
      "{code:9999,'opaque':104,extFields:{a:1,}}",
      '{"code":9999,"opaque":105,"version":-1,"language":"KLINGON"}',
      '{"code":9999,"opaque":106,"version":999999999,"language":77}',
    ]
    const answers = headers.map((_, at) => stranger.answer(101 + at))
    for (const header of headers) stranger.send(rawFrame(Buffer.from(header, 'latin1')))
    for (const { code } of await Promise.all(answers)) assert.equal(code, 3)
    stranger.close()
  }
  assert.equal(({} as { code?: number }).code, undefined)
  await honest.finish()
})

test('answers that nobody asked for are dropped, 100,000 of them (F11)', async (t) => {
  const { servers, honest } = await scene(t)
  for (const server of servers) {
    const stranger = await Stranger.connect(server)
    const frame = stranger.frame(0, 77, { flag: 1, ext: { offset: '5' } })
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => frame))
    for (let round = 0; round < 50; round++) stranger.send(flood)
    assert.equal((await stranger.ask(9999)).code, 3)
    assert.equal(stranger.others.length, 0)
    stranger.close()
  }
  await honest.finish()
})

test('an opaque twice under way is served twice, and a one-way request is never answered (F12, F13)', async (t) => {
  const { servers, honest } = await scene(t)
  const [broker = '', nameserver = ''] = servers
  for (const [server, code] of [
    [broker, 28],
    [nameserver, 206],
  ] as const) {
    const stranger = await Stranger.connect(server)
    const frame = stranger.frame(code, 500, {})
    stranger.send(Buffer.concat([frame, frame, frame]))
    await until('three answers', () => stranger.others.length === 3)
    assert(stranger.others.every((answer) => answer.opaque === 500 && answer.code === 0))
    for (const odd of [code, 9999, 30, 105, 310]) stranger.request(odd, { flag: 2 })
    // Answers come in order for requests that are served at once: one to them would be here before this one.
    assert.equal((await stranger.ask(9999)).code, 3)
    assert.equal(stranger.others.length, 3)
    stranger.close()
  }
  await honest.finish()
})

test('random bytes and cut frames end only their own connection (C7, C9)', async (t) => {
  const { servers, honest } = await scene(t)
  const random = seededRandom(20_261_126)
  for (const server of servers)
    for (let round = 0; round < 10; round++)
      await Promise.all(
        Array.from({ length: 40 }, async () => {
          const stranger = await Stranger.connect(server)
          const whole = stranger.frame(34, 1, { body: Buffer.from('{"clientID":"x"}') })
          const noise = Buffer.from(randomBytes(random, 1 + below(random, 200)))
          stranger.send(random() < 0.5 ? noise : whole.subarray(0, below(random, whole.length)))
          if (random() < 0.5) stranger.socket.resetAndDestroy()
          else stranger.socket.end()
          await stranger.closed
        }),
      )
  await honest.finish()
})
