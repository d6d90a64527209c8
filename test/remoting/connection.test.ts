import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import {
  encodeFrame,
  FLAG_ONEWAY,
  FLAG_RESPONSE,
  HEADER_BINARY,
  HEADER_JSON,
} from '../../remoting/command.ts'
import { Dispatcher } from '../../remoting/dispatch.ts'
import { ConnectionError, FrameError, RequestError } from '../../remoting/errors.ts'
import type { Request } from '../../remoting/peer.ts'
import { getConsumerRunningInfo } from '../../remoting/requests/get-consumer-running-info.ts'
import { getMaxOffset } from '../../remoting/requests/get-max-offset.ts'
import { notifyConsumerIdsChanged } from '../../remoting/requests/notify-consumer-ids-changed.ts'
import { pullMessage } from '../../remoting/requests/pull-message.ts'
import { head, turns, until, wire } from '../support/wire.ts'

const queue = { topic: 'T', queueId: '3' }
const pull = { consumerGroup: 'g', topic: 'T', queueId: '0', queueOffset: '0' }

function echoing(): Dispatcher {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, ({ header }) => ({ header: { offset: header.queueId } }))
  return dispatcher
}

/** A dispatcher whose answers to getMaxOffset and pulls wait until they are released. */
function holding() {
  const dispatcher = new Dispatcher({ log: silentLog })
  const held: (() => void)[] = []
  const hold = (): Promise<object> => new Promise((resolve) => held.push(() => resolve({})))
  dispatcher.on(getMaxOffset, hold)
  dispatcher.on(pullMessage, hold, { waits: true })
  return { dispatcher, held }
}

test('requests of one chunk are answered each by its opaque, in the form it came', async () => {
  const { far } = wire({ dispatcher: echoing() })
  far.bytes(
    Buffer.concat(
      [HEADER_JSON, HEADER_BINARY, HEADER_JSON].map((form, index) =>
        encodeFrame(
          head({ code: 30, opaque: -index }),
          { topic: 'T', queueId: String(index) },
          undefined,
          form as 0 | 1,
        ),
      ),
    ),
  )
  await until(() => far.commands.length === 3)
  assert.deepEqual(
    far.commands.map(({ opaque, headerForm, ext, flag, version }) => [
      opaque,
      headerForm,
      ext?.offset,
      flag,
      version,
    ]),
    [
      [0, HEADER_JSON, '0', 1, 479],
      [-1, HEADER_BINARY, '1', 1, 479],
      [-2, HEADER_JSON, '2', 1, 479],
    ],
  )
})

test('the same opaque twice under way is served twice (F12)', async () => {
  const { far } = wire({ dispatcher: echoing() })
  far.send({ code: 30, opaque: 5 }, queue)
  far.send({ code: 30, opaque: 5 }, { topic: 'T', queueId: '4' })
  await until(() => far.commands.length === 2)
  assert.deepEqual(
    far.commands.map(({ opaque, ext }) => [opaque, ext?.offset]),
    [
      [5, '3'],
      [5, '4'],
    ],
  )
})

test('a one-way request is served and never answered, not even with an error (F13)', async () => {
  const seen: Request<typeof getMaxOffset.header>[] = []
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, async (request) => {
    seen.push(request)
    throw new RequestError(17, 'no')
  })
  const { far } = wire({ dispatcher })
  far.send({ code: 30, flag: FLAG_ONEWAY }, queue)
  far.send({ code: 30, flag: FLAG_ONEWAY }, {})
  far.send({ code: 9999, flag: FLAG_ONEWAY })
  far.send({ code: 30, opaque: 77 }, queue)
  await until(() => far.commands.length === 1)
  assert.equal(far.commands[0]?.opaque, 77)
  assert.deepEqual(
    seen.map(({ isOneway }) => isOneway),
    [true, false],
  )
})

test('answers that nobody waits for are dropped and counted, however many (F11)', async () => {
  const { near, far } = wire({ dispatcher: echoing() })
  const flood = Buffer.concat(
    Array.from({ length: 500 }, (_, opaque) => encodeFrame(head({ opaque, flag: FLAG_RESPONSE }))),
  )
  for (let round = 0; round < 20; round++) {
    far.bytes(flood)
    await turns(1)
  }
  far.send({ code: 30 }, queue)
  await until(() => far.commands.length === 1)
  assert.equal(near.strayAnswers, 10_000)
})

test('a malformed frame closes the connection with its reason; frames before it were served', async () => {
  const { dispatcher, held } = holding()
  const { far, closed } = wire({ dispatcher })
  far.bytes(Buffer.concat([encodeFrame(head({ code: 30 }), queue), Buffer.from('GET / HTTP/1.1\r\n')]))
  assert.equal(await closed, 'HTTP request on a remoting port')
  assert.equal(held.length, 1)
})

test('the peer is asked in the form it used last, and its answer comes back', async () => {
  const { near, far } = wire({ dispatcher: echoing() })
  far.bytes(encodeFrame(head({ code: 30, version: 333, language: 1 }), queue, undefined, HEADER_BINARY))
  await until(() => far.commands.length === 1)
  assert.equal(near.version, 333)
  assert.equal(near.language, 1)
  const call = near.call(
    getConsumerRunningInfo,
    { consumerGroup: 'g', clientId: 'c' },
    { timeoutMs: 1000, body: Buffer.from('ask') },
  )
  await until(() => far.commands.length === 2)
  const asked = far.commands[1]
  assert(asked)
  assert.equal(asked.headerForm, HEADER_BINARY)
  assert.equal(asked.code, 307)
  assert.equal(asked.body.toString(), 'ask')
  far.send({ opaque: asked.opaque, flag: FLAG_RESPONSE }, {}, Buffer.from('info'))
  assert.equal((await call).body.toString(), 'info')
})

test('a one-way message to the peer carries its flag and fields', async () => {
  const { near, far } = wire({ dispatcher: echoing() })
  near.tell(notifyConsumerIdsChanged, { consumerGroup: 'CG' })
  await until(() => far.commands.length === 1)
  assert.equal(far.commands[0]?.flag, FLAG_ONEWAY)
  assert.deepEqual({ ...far.commands[0]?.ext }, { consumerGroup: 'CG' })
})

test('an answer with another code rejects with it, unless the caller asked for that code', async () => {
  const { near, far } = wire({ dispatcher: echoing() })
  const ask = (codes?: readonly number[]) =>
    near.call(getMaxOffset, { topic: 'T', queueId: 1 }, { timeoutMs: 1000, ...(codes && { codes }) })
  const [refused, accepted, broken] = [ask(), ask([19]), ask()]
  await until(() => far.commands.length === 3)
  const [first, second, third] = far.commands.map(({ opaque }) => opaque)
  far.send({ code: 17, opaque: first ?? 0, flag: FLAG_RESPONSE, remark: 'no T' })
  far.send({ code: 19, opaque: second ?? 0, flag: FLAG_RESPONSE }, { offset: '8' })
  far.send({ code: 0, opaque: third ?? 0, flag: FLAG_RESPONSE }, { offset: 'eight' })
  await assert.rejects(
    refused,
    (error) => error instanceof RequestError && error.code === 17 && error.remark === 'no T',
  )
  const answer = await accepted
  assert.equal(answer.command.code, 19)
  assert.deepEqual(answer.header, { offset: 8 })
  await assert.rejects(broken, FrameError)
})

test('a call without an answer ends by its time limit, and a late answer is dropped', async () => {
  const { near, far, clock } = wire({ dispatcher: echoing() })
  const quick = near.call(getMaxOffset, { topic: 'T', queueId: 1 }, { timeoutMs: 5 })
  const slow = near.call(getMaxOffset, { topic: 'T', queueId: 2 }, { timeoutMs: 60_000 })
  clock.advance(5)
  await assert.rejects(quick, (error) => error instanceof ConnectionError && error.reason === 'timeout')
  assert.equal(far.commands.length, 2)
  for (const { opaque } of far.commands) far.send({ opaque, flag: FLAG_RESPONSE }, { offset: '1' })
  assert.equal((await slow).header.offset, 1)
  assert.equal(near.strayAnswers, 1)
})

test('each call has its own deadline, whichever was made first', async () => {
  const { near, clock } = wire({ dispatcher: echoing() })
  const ended: number[] = []
  const calls = [30, 5, 15].map((timeoutMs) =>
    near
      .call(getMaxOffset, { topic: 'T', queueId: 1 }, { timeoutMs })
      .catch(() => void ended.push(timeoutMs)),
  )
  for (const [ms, count] of [
    [5, 1],
    [10, 2],
    [15, 3],
  ] as const) {
    clock.advance(ms)
    await until(() => ended.length >= count)
    assert.equal(ended.length, count)
  }
  await Promise.all(calls)
  assert.deepEqual(ended, [5, 15, 30])
})

test('a call can be aborted, before and while it waits', async () => {
  const { near, far } = wire({ dispatcher: echoing() })
  const controller = new AbortController()
  const options = { timeoutMs: 1000, signal: controller.signal }
  const call = near.call(getMaxOffset, { topic: 'T', queueId: 1 }, options)
  await until(() => far.commands.length === 1)
  controller.abort(new Error('enough'))
  const isAborted = (error: unknown) =>
    error instanceof ConnectionError &&
    error.reason === 'aborted' &&
    (error.cause as Error).message === 'enough'
  await assert.rejects(call, isAborted)
  await assert.rejects(near.call(getMaxOffset, { topic: 'T', queueId: 1 }, options), isAborted)
  await turns()
  assert.equal(far.commands.length, 1)
})

test('calls under way reject when the connection closes, later ones at once; listeners hear of it once', async () => {
  const { near, far, closed } = wire({ dispatcher: echoing() })
  const call = near.call(getMaxOffset, { topic: 'T', queueId: 1 }, { timeoutMs: 1000 })
  far.stream.destroy()
  const isClosed = (error: unknown) => error instanceof ConnectionError && error.reason === 'closed'
  await assert.rejects(call, isClosed)
  await closed
  await assert.rejects(near.call(getMaxOffset, { topic: 'T', queueId: 1 }, { timeoutMs: 1000 }), isClosed)
  near.tell(notifyConsumerIdsChanged, { consumerGroup: 'CG' })
  let heard = 0
  near.onClose(() => {
    heard += 1
  })
  near.close('again')
  assert.equal(heard, 1)
})

test('the number of calls to one peer is bounded', async () => {
  const { near } = wire({ dispatcher: echoing(), limits: { callsMax: 2 } })
  const call = () => near.call(getMaxOffset, { topic: 'T', queueId: 1 }, { timeoutMs: 1000 })
  const calls = [call(), call()]
  await assert.rejects(call(), (error) => error instanceof ConnectionError && error.reason === 'refused')
  near.close('done')
  await Promise.allSettled(calls)
})

test('a frame that trickles in is closed after 30 s, one that is complete in time is not (C1)', async () => {
  const { near, far, clock, closed } = wire({ dispatcher: echoing() })
  const frame = encodeFrame(head({ code: 30 }), queue)
  far.bytes(frame.subarray(0, 10))
  await turns()
  clock.advance(29_000)
  far.bytes(frame.subarray(10, 11))
  await turns()
  near.tick(clock.monotonicMs())
  assert.equal(near.isClosed, false)
  far.bytes(Buffer.concat([frame.subarray(11), frame.subarray(0, 5)]))
  await turns()
  clock.advance(29_000)
  near.tick(clock.monotonicMs())
  assert.equal(near.isClosed, false, 'the second frame has a time of its own')
  far.bytes(frame.subarray(5, 6))
  await turns()
  clock.advance(1001)
  near.tick(clock.monotonicMs())
  assert.equal(await closed, 'a frame was not complete within 30000 ms')
})

test('a connection that says nothing is closed after 120 s (C2)', async () => {
  const { near, clock, closed } = wire({ dispatcher: echoing() })
  clock.advance(119_999)
  near.tick(clock.monotonicMs())
  assert.equal(near.isClosed, false)
  clock.advance(2)
  near.tick(clock.monotonicMs())
  assert.match(await closed, /^idle for 12000\d ms$/)
})

test('a peer that only takes pushes and never speaks is closed within 150 s (C4)', async () => {
  const { near, clock, closed } = wire({ dispatcher: echoing() })
  for (let elapsed = 0; elapsed < 150_000; elapsed += 10_000) {
    near.tick(clock.monotonicMs())
    assert.equal(near.isClosed, false)
    near.tell(notifyConsumerIdsChanged, { consumerGroup: 'CG' })
    await turns()
    clock.advance(10_000)
  }
  clock.advance(1)
  near.tick(clock.monotonicMs())
  assert.match(await closed, /^idle/)
})

test('a reader that never reads stops being read above the mark and is closed after 60 s (C5)', async () => {
  let served = 0
  const dispatcher = new Dispatcher({ log: silentLog })
  const megabyte = Buffer.alloc(1_000_000)
  dispatcher.on(pullMessage, () => {
    served += 1
    return { body: megabyte }
  })
  const { near, far, clock, closed } = wire({
    dispatcher,
    reads: false,
    limits: { unsentHighBytes: 4_000_000, unsentLowBytes: 1_000_000 },
  })
  for (let index = 0; index < 100; index++) far.send({ code: 11, opaque: index }, pull)
  await turns(20)
  assert(served >= 4 && served <= 6, `served ${served}`)
  assert(near.heldBytes < 6_100_000)
  clock.advance(60_001)
  near.tick(clock.monotonicMs())
  assert.equal(await closed, 'the peer took no bytes for 60000 ms')
  assert.equal(near.heldBytes, 0)
})

test('a slow reader gets everything in the end, and is read again below the low mark', async () => {
  let served = 0
  const dispatcher = new Dispatcher({ log: silentLog })
  const chunk = Buffer.alloc(100_000, 'x')
  dispatcher.on(pullMessage, () => {
    served += 1
    return { body: [chunk.subarray(0, 3000), chunk.subarray(3000)] }
  })
  const { near, far } = wire({
    dispatcher,
    reads: false,
    limits: { unsentHighBytes: 400_000, unsentLowBytes: 100_000 },
  })
  for (let index = 0; index < 50; index++) far.send({ code: 11, opaque: index }, pull)
  await turns(10)
  assert(served < 10, `served ${served}`)
  let received = 0
  far.stream.on('data', (bytes: Buffer) => {
    received += bytes.length
  })
  await until(() => served === 50 && near.heldBytes === 0)
  await turns()
  assert(received > 5_000_000)
})

test('work under way is capped for each connection; the rest waits in the socket and loses nothing (C6)', async () => {
  const { dispatcher, held } = holding()
  const { near, far } = wire({ dispatcher, limits: { inFlightMax: 64 } })
  const count = 5000
  const all = Buffer.concat(
    Array.from({ length: count }, (_, opaque) => encodeFrame(head({ code: 30, opaque }), queue)),
  )
  for (let at = 0; at < all.length; at += 9999) far.bytes(all.subarray(at, at + 9999))
  await turns(10)
  assert.equal(near.inFlight, 64)
  let released = 0
  while (released < count) {
    const next = held.splice(0)
    assert(next.length <= 64)
    released += next.length
    for (const release of next) release()
    await turns(2)
  }
  await until(() => far.commands.length === count)
  assert.deepEqual(
    far.commands.map(({ opaque }) => opaque).sort((a, b) => a - b),
    Array.from({ length: count }, (_, index) => index),
  )
})

test('heavy requests take more of what may be under way, and the next ones begin in a turn of their own (C6)', async () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  let underWay = 0
  let most = 0
  let perTurn = 0
  let mostPerTurn = 0
  const serve = async () => {
    if (perTurn++ === 0)
      setImmediate(() => {
        perTurn = 0
      })
    mostPerTurn = Math.max(mostPerTurn, perTurn)
    most = Math.max(most, ++underWay)
    await undefined
    underWay -= 1
    return { header: { offset: 1 } }
  }
  dispatcher.on(getMaxOffset, serve, { weight: 16 })
  const { far } = wire({ dispatcher, limits: { inFlightMax: 64 } })
  far.bytes(
    Buffer.concat(Array.from({ length: 100 }, (_, opaque) => encodeFrame(head({ code: 30, opaque }), queue))),
  )
  await until(() => far.commands.length === 100)
  assert.equal(most, 4)
  assert(mostPerTurn <= 8, `${mostPerTurn} in one turn`)
})

test('one-way work counts, too, and reading goes on when it is done', async () => {
  const { dispatcher, held } = holding()
  const { near, far } = wire({ dispatcher, limits: { inFlightMax: 8 } })
  for (let opaque = 0; opaque < 30; opaque++) far.send({ code: 30, opaque, flag: FLAG_ONEWAY }, queue)
  await turns(10)
  assert.equal(held.length, 8)
  for (let released = 0; released < 30; released++) {
    await until(() => held.length > 0, `request ${released}`)
    held.shift()?.()
  }
  await turns()
  assert.equal(near.inFlight, 0)
  assert.equal(far.commands.length, 0)
})

test('an answer larger than one write leaves in several, in order', async () => {
  const body = Buffer.alloc(3_500_000)
  for (let at = 0; at < body.length; at += 4) body.writeUInt32BE(at, at)
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(pullMessage, () => ({ body: [body.subarray(0, 1_200_000), body.subarray(1_200_000)] }))
  const { near, far } = wire({ dispatcher })
  far.send({ code: 11 }, pull)
  await until(() => far.commands.length === 1)
  assert(far.commands[0]?.body.equals(body))
  await until(() => near.heldBytes === 0)
})

test('long polls have a cap of their own, so that parked pulls do not keep a send waiting', async () => {
  const { dispatcher, held } = holding()
  const { near, far } = wire({ dispatcher, limits: { inFlightMax: 4, waitingMax: 100 } })
  for (let index = 0; index < 50; index++) far.send({ code: 11, opaque: index }, pull)
  far.send({ code: 30, opaque: 999 }, queue)
  await turns(10)
  assert.equal(held.length, 51)
  assert.equal(near.inFlight, 1)
  held.pop()?.()
  await until(() => far.commands.length === 1)
  assert.equal(far.commands[0]?.opaque, 999)
})

test('an answer to a connection that closed meanwhile is dropped', async () => {
  const { dispatcher, held } = holding()
  const { near, far } = wire({ dispatcher })
  far.send({ code: 30 }, queue)
  await until(() => held.length === 1)
  near.close('test')
  held[0]?.()
  await turns()
  assert.equal(far.commands.length, 0)
})

test('a draining connection answers what is under way and sends new requests elsewhere', async () => {
  const { dispatcher, held } = holding()
  const { near, far } = wire({ dispatcher })
  far.send({ code: 30, opaque: 1 }, queue)
  await until(() => held.length === 1)
  near.drain()
  far.send({ code: 30, opaque: 2, version: 477 }, queue)
  far.send({ code: 30, opaque: 3, version: 475 }, queue)
  far.send({ code: 30, opaque: 4, version: 477, flag: FLAG_ONEWAY }, queue)
  await until(() => far.commands.length === 2)
  held[0]?.()
  await until(() => far.commands.length === 3)
  assert.deepEqual(
    far.commands.map(({ opaque, code }) => [opaque, code]),
    [
      [2, 1500],
      [3, 2],
      [1, 0],
    ],
  )
})
