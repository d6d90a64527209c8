import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../../base/assert.ts'
import { type LogFields, silentLog } from '../../base/log.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { Dispatcher, type DispatcherOptions } from '../../remoting/dispatch.ts'
import { RequestError } from '../../remoting/errors.ts'
import { getMaxOffset } from '../../remoting/requests/get-max-offset.ts'
import { getMinOffset } from '../../remoting/requests/get-min-offset.ts'
import { sendMessageV2 } from '../../remoting/requests/send-message-v2.ts'
import { head, turns, wire } from '../support/wire.ts'

/** Sends one request through a connection and gives the answer. */
async function answerTo(dispatcher: Dispatcher, code: number, ext: Record<string, string>) {
  const { far } = wire({ dispatcher })
  far.send(head({ code }), ext)
  await turns()
  return far.commands[0]
}

const queue = { topic: 'T', queueId: '3' }

function dispatcherThat(reject: () => unknown, options: Partial<DispatcherOptions> = {}): Dispatcher {
  const dispatcher = new Dispatcher({ log: silentLog, ...options })
  dispatcher.on(getMaxOffset, () => {
    throw reject()
  })
  dispatcher.on(getMinOffset, async () => {
    throw reject()
  })
  return dispatcher
}

test('a handler gets a typed header and its reply fields reach the wire', async () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, ({ header }) => ({
    header: { offset: header.queueId * 100 },
    extra: { more: 'x' },
  }))
  const answer = await answerTo(dispatcher, 30, queue)
  assert.equal(answer?.code, 0)
  assert.equal(answer?.flag, 1)
  assert.deepEqual({ ...answer?.ext }, { offset: '300', more: 'x' })
})

test('a RequestError is the answer, thrown or rejected', async () => {
  const dispatcher = dispatcherThat(() => new RequestError(ResponseCode.TOPIC_NOT_EXIST, 'no topic T'))
  for (const code of [30, 31]) {
    const answer = await answerTo(dispatcher, code, queue)
    assert.equal(answer?.code, 17)
    assert.equal(answer?.remark, 'no topic T')
  }
})

test('errors of other rooms are answered as their owner says', async () => {
  const dispatcher = dispatcherThat(() => new RangeError('full'), {
    toReply: (error) => (error instanceof RangeError ? { code: 14, remark: error.message } : undefined),
  })
  for (const code of [30, 31]) assert.equal((await answerTo(dispatcher, code, queue))?.code, 14)
})

test('an unknown error is answered with 1 and no internals, and logged with its stack', async () => {
  const lines: [string, LogFields | undefined][] = []
  const log = { ...silentLog, error: (event: string, fields?: LogFields) => void lines.push([event, fields]) }
  const dispatcher = dispatcherThat(() => new TypeError('secret detail of ./a/file.ts'), { log })
  for (const code of [30, 31]) {
    const answer = await answerTo(dispatcher, code, queue)
    assert.equal(answer?.code, 1)
    assert.match(answer?.remark ?? '', /^internal error in GET_M.._OFFSET, see the log$/)
  }
  assert.equal(lines.length, 2)
  assert.equal(lines[0]?.[0], 'request.failed')
  assert.match(String(lines[0]?.[1]?.error), /secret detail[\s\S]*at /)
})

test('a failed assertion reaches the failure hook', async () => {
  const failures: Error[] = []
  const dispatcher = dispatcherThat(() => new AssertionError('impossible'), {
    onFailure: (error) => failures.push(error),
  })
  for (const code of [30, 31]) assert.equal((await answerTo(dispatcher, code, queue))?.code, 1)
  assert.equal(failures.length, 2)
})

test('every code without a handler is answered with 3 (F10, F14)', async () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  const { far } = wire({ dispatcher })
  const codes = [-1, 0, 1, 10, 103, 310, 3001, 65_535, 200_050, 2 ** 31 - 1, -(2 ** 31)]
  for (const [index, code] of codes.entries()) far.send(head({ code, opaque: index }))
  await turns()
  assert.deepEqual(
    far.commands.map(({ code, remark, opaque }) => [code, remark, opaque]),
    codes.map((code, index) => [3, `request type ${code} not supported`, index]),
  )
})

test('a field that is missing or wrong is answered with 29 and its name (F16)', async () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, () => ({ header: { offset: 1 } }))
  for (const ext of [{ topic: 'T' }, { topic: 'T', queueId: 'x' }, { topic: 'T', queueId: '4294967296' }]) {
    const answer = await answerTo(dispatcher, 30, ext)
    assert.equal(answer?.code, 29)
    assert.match(answer?.remark ?? '', /^header field queueId/)
  }
})

test('a body larger than the request can have is refused before its handler sees it', async () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, ({ body }) => ({ header: { offset: body.length } }))
  dispatcher.on(sendMessageV2, ({ body }) => ({ header: { queueOffset: body.length } }))
  const { far } = wire({ dispatcher })
  const sizeMax = getMaxOffset.bodyBytesMax
  far.send(head({ code: 30, opaque: 1 }), queue, Buffer.alloc(sizeMax))
  far.send(head({ code: 30, opaque: 2 }), queue, Buffer.alloc(sizeMax + 1))
  far.send(head({ code: 310, opaque: 3 }), { a: 'P', b: 'T', e: '0' }, Buffer.alloc(4 * sizeMax))
  await turns(20)
  assert.deepEqual(
    far.commands.map(({ code }) => code),
    [0, 29, 0],
  )
  assert.equal(
    far.commands[1]?.remark,
    `the body has ${sizeMax + 1} bytes, GET_MAX_OFFSET takes at most ${sizeMax}`,
  )
})

test('a remark that repeats what the peer said is cut, so that the answer stays a legal frame', async () => {
  for (const [word, shown] of [
    ['x', 4096],
    ['\u0000', 4096],
    ['\ud800', 4096],
  ] as const) {
    const answer = await answerTo(
      dispatcherThat(() => new RequestError(17, word.repeat(200_000))),
      30,
      queue,
    )
    assert.equal(answer?.code, 17)
    assert.equal(answer?.remark?.length, shown)
  }
})

test('guards are asked first and can refuse', async () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, () => ({ header: { offset: 1 } }))
  dispatcher.addGuard(({ code }) => (code === 30 ? undefined : { code: 16, remark: 'not you' }))
  assert.equal((await answerTo(dispatcher, 30, queue))?.code, 0)
  assert.equal((await answerTo(dispatcher, 31, queue))?.code, 16)
})

test('two handlers for one code are a bug', () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, () => ({}))
  assert.throws(() => dispatcher.on(getMaxOffset, () => ({})), AssertionError)
  assert.deepEqual(dispatcher.codes(), [30])
})
