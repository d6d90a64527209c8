import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { HeaderOf } from '../../remoting/fields.ts'
import type { Answer } from '../../remoting/peer.ts'
import { request } from '../../remoting/request.ts'
import { getMaxOffset } from '../../remoting/requests/get-max-offset.ts'
import { pullMessage } from '../../remoting/requests/pull-message.ts'
import type { sendReply } from '../../remoting/requests/send-message.ts'
import { sendMessageV2, type sendV2Header } from '../../remoting/requests/send-message-v2.ts'
import { DiskLockedError } from '../../store/disk.ts'
import { MemoryDisk } from '../../store/memory-disk.ts'
import { ask } from '../support/ask.ts'
import {
  startFakeNameserver,
  startTestBroker,
  type TestBroker,
  temporaryFolder,
  until,
} from '../support/broker-fixture.ts'

const header: HeaderOf<typeof sendV2Header> = {
  producerGroup: 'P',
  topic: 'T',
  defaultTopic: 'TBW102',
  defaultTopicQueueNums: 4,
  queueId: 0,
  sysFlag: 0,
  bornTimestamp: 0,
  flag: 0,
  properties: '',
  reconsumeTimes: 0,
  unitMode: false,
  batch: false,
}

const send = (
  { client, address }: Pick<TestBroker, 'client' | 'address'>,
  body = Buffer.from('x'),
): Promise<Answer<typeof sendReply>> => client.call(address, sendMessageV2, header, { timeoutMs: 5000, body })

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

test('everything is found again after a stop and a start', async (t) => {
  const first = await startTestBroker(t)
  for (let count = 0; count < 5; count++) await send(first)
  await first.stop()
  const second = await startTestBroker(t, { folder: first.folder })
  assert.equal(second.broker.store.queueRange('T', 0).maxOffset, 5)
  assert.equal((await send(second)).header.queueOffset, 5)
})

test('F10: a code that nobody serves is answered 3 with its number', async (t) => {
  const broker = await startTestBroker(t)
  await assert.rejects(
    broker.client.call(broker.address, request({ code: 9999, name: 'NOTHING' }), {}, { timeoutMs: 5000 }),
    { code: 3, remark: 'request type 9999 not supported' },
  )
})

test('F16: a header field that is missing or of the wrong type is answered 29 with its name', async (t) => {
  const broker = await startTestBroker(t)
  const missing = await ask(broker.address, 310, { a: 'P', b: 'T' }, Buffer.from('x'))
  assert.equal(missing.code, 29)
  assert.match(String(missing.header.remark), /queueId/)
  const wrong = await ask(broker.address, 30, { topic: 'T', queueId: 'first' })
  assert.equal(wrong.code, 29)
  assert.match(String(wrong.header.remark), /queueId.*first.*32-bit integer/)
})

test('what one client sends wrong, others do not notice', async (t) => {
  const broker = await startTestBroker(t)
  await send(broker)
  await assert.rejects(ask(broker.address, 310, { x: 'y'.repeat(70_000) }))
  assert.equal((await send(broker)).header.queueOffset, 1)
})

test('a port that is taken stops the start by name, and the data folder is free again', async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => taken.close())
  const bound = taken.address()
  assert(bound !== null && typeof bound !== 'string')
  const folder = await temporaryFolder()
  await assert.rejects(startTestBroker(t, { folder, text: `listenPort=${bound.port}\nhaListenPort=1` }), {
    name: 'PortTakenError',
    port: bound.port,
  })
  assert.equal((await send(await startTestBroker(t, { folder }))).header.queueOffset, 0)
})

test('a data folder has one broker', async (t) => {
  const first = await startTestBroker(t)
  await assert.rejects(startTestBroker(t, { folder: first.folder }), (error) => {
    assert(error instanceof DiskLockedError)
    assert.match(error.message, /in use by/)
    return true
  })
  assert.equal((await send(first)).header.queueOffset, 0)
})

test('the fast port serves all but pulls', async (t) => {
  const broker = await startTestBroker(t, { hasFastPort: true })
  const fast = { client: broker.client, address: `127.0.0.1:${broker.broker.fastAddress?.port}` }
  assert.equal((await send(fast)).header.queueOffset, 0)
  await until('the message', () => broker.broker.store.queueRange('T', 0).maxOffset === 1)
  const max = await fast.client.call(
    fast.address,
    getMaxOffset,
    { topic: 'T', queueId: 0 },
    { timeoutMs: 5000 },
  )
  assert.equal(max.header.offset, 1)
  const pull = {
    consumerGroup: 'G',
    topic: 'T',
    queueId: 0,
    queueOffset: 0,
    maxMsgNums: 1,
    sysFlag: 4,
    commitOffset: 0,
    suspendTimeoutMillis: 0,
    subVersion: 0,
  }
  await assert.rejects(fast.client.call(fast.address, pullMessage, pull, { timeoutMs: 5000 }), { code: 3 })
})

test('a failed fsync: the send is answered 14, the broker leaves and says why', async (t) => {
  const nameserver = await startFakeNameserver(t)
  const disk = new MemoryDisk({ schedule: (run) => setImmediate(run) })
  const failures: Error[] = []
  const broker = await startTestBroker(t, {
    disk,
    text: `namesrvAddr=${nameserver.address}\nflushDiskType=SYNC_FLUSH`,
    onFailure: (error) => failures.push(error),
  })
  await until('the registration', () => nameserver.registered.length > 0)
  await send(broker)
  disk.fail({
    kind: 'datasync',
    ordinal: 1,
    count: Number.POSITIVE_INFINITY,
    code: 'EIO',
  })
  await assert.rejects(send(broker), (error) => {
    assert.equal(codeOf(error), 14, String(error))
    return true
  })
  await until('the end of the broker', () => failures.length > 0)
  assert.match(String(failures[0]), /EIO|sync/)
  assert.deepEqual(nameserver.unregistered, [broker.address])
  await assert.rejects(send(broker), { name: 'ConnectionError' })
})

test('when too much waits for the disk a send is answered 2 at once', async (t) => {
  let isHeld = false
  const held: (() => void)[] = []
  const disk = new MemoryDisk({
    schedule: (run, operation) => {
      if (isHeld && operation.kind === 'write') held.push(run)
      else queueMicrotask(run)
    },
  })
  const broker = await startTestBroker(t, { disk, text: 'pendingBytesMax=1048576' })
  await send(broker)
  isHeld = true
  const body = Buffer.alloc(65_000)
  const sends = Array.from({ length: 40 }, () => send(broker, body))
  const refusals = sends.map((sent) =>
    sent.then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
  const first = await Promise.race(refusals)
  assert.equal(codeOf(first), 2, String(first))
  assert.match(String(first), /^Error \[RequestError\]: \[REJECTREQUEST\]|RequestError: \[REJECTREQUEST\]/)
  isHeld = false
  for (const run of held.splice(0)) run()
  const outcomes = await Promise.all(refusals)
  const stored = outcomes.filter((error) => error === undefined).length
  assert(stored > 0 && stored < 40, `${stored} of 40 were stored`)
  assert.equal((await send(broker)).header.queueOffset, stored + 1)
})

test('a stop takes the broker out of the routes before it closes connections', async (t) => {
  const nameserver = await startFakeNameserver(t)
  const broker = await startTestBroker(t, { text: `namesrvAddr=${nameserver.address}` })
  await until('the registration', () => nameserver.registered.length > 0)
  await send(broker)
  await broker.broker.stop()
  assert.deepEqual(nameserver.unregistered, [broker.address])
  await until('the connection to be gone', () => nameserver.connectionCount() === 0)
  await assert.rejects(send(broker), { name: 'ConnectionError' })
})

test('a stop waits for sends under way', async (t) => {
  const broker = await startTestBroker(t)
  const sends = Array.from({ length: 50 }, () => send(broker))
  await sends[0]
  const stopped = broker.broker.stop()
  const outcomes = await Promise.allSettled(sends)
  await stopped
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') assert.match(String(outcome.reason), /shutting down|closed/)
  const again = await startTestBroker(t, { folder: broker.folder })
  const answered = outcomes.filter(({ status }) => status === 'fulfilled').length
  assert(answered > 0)
  assert(again.broker.store.queueRange('T', 0).maxOffset >= answered)
})
