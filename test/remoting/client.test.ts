import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { parseAddress, RemotingClient, type RemotingClientOptions } from '../../remoting/client.ts'
import { HEADER_BINARY } from '../../remoting/command.ts'
import { Dispatcher } from '../../remoting/dispatch.ts'
import { ConnectionError, RequestError } from '../../remoting/errors.ts'
import type { Peer } from '../../remoting/peer.ts'
import { getConsumerRunningInfo } from '../../remoting/requests/get-consumer-running-info.ts'
import { getMaxOffset } from '../../remoting/requests/get-max-offset.ts'
import { heartBeat } from '../../remoting/requests/heart-beat.ts'
import { listen, type RemotingServer } from '../../remoting/server.ts'
import { until } from '../support/wire.ts'

const clients: RemotingClient[] = []
const servers: RemotingServer[] = []
after(async () => {
  for (const client of clients) client.close()
  for (const server of servers) await server.close({ graceMs: 0 })
})

function clientWith(options: Partial<RemotingClientOptions> = {}): RemotingClient {
  const client = new RemotingClient({ log: silentLog, clock: systemClock, ...options })
  clients.push(client)
  return client
}

async function serverWith(dispatcher: Dispatcher, port = 0) {
  const server = await listen({ host: '127.0.0.1', port, dispatcher, log: silentLog, clock: systemClock })
  servers.push(server)
  return { server, address: `127.0.0.1:${server.address.port}` }
}

function echoing(): Dispatcher {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, ({ header }) => ({ header: { offset: header.queueId * 10 } }))
  return dispatcher
}

const ask = (client: RemotingClient, address: string, queueId = 1, timeoutMs = 2000) =>
  client.call(address, getMaxOffset, { topic: 'T', queueId }, { timeoutMs })

const failsAs = (reason: ConnectionError['reason']) => (error: unknown) =>
  error instanceof ConnectionError && error.reason === reason

test('many calls at once share one connection and get their own answers', async () => {
  const { server, address } = await serverWith(echoing())
  const client = clientWith()
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, queueId) => ask(client, address, queueId)),
  )
  assert.deepEqual(
    answers.map(({ header }) => header.offset),
    Array.from({ length: 200 }, (_, queueId) => queueId * 10),
  )
  assert.equal(server.acceptedCount, 1)
  assert.deepEqual(client.addresses(), [address])
})

test('the binary form works the same', async () => {
  const { address } = await serverWith(echoing())
  assert.equal((await ask(clientWith({ form: HEADER_BINARY }), address, 7)).header.offset, 70)
})

test('a server that was away is dialled again', async () => {
  const { server, address } = await serverWith(echoing())
  const reasons: string[] = []
  const client = clientWith({ onDisconnect: (_, reason) => reasons.push(reason) })
  await ask(client, address)
  await server.close({ graceMs: 0 })
  await until(() => client.addresses().length === 0)
  assert.equal(reasons.length, 1)
  await assert.rejects(ask(client, address), failsAs('refused'))
  await serverWith(echoing(), server.address.port)
  assert.equal((await ask(client, address, 3)).header.offset, 30)
})

test('an address that is none is refused', async () => {
  for (const address of ['', 'nohost', 'h:0', 'h:65536', 'h:x', '::1:1', '[::1]', 'a b:1'])
    await assert.rejects(ask(clientWith(), address), failsAs('refused'), address)
  assert.deepEqual(parseAddress('[2001:db8::1]:10911'), { host: '2001:db8::1', port: 10_911 })
  assert.deepEqual(parseAddress('broker-a.svc:10911'), { host: 'broker-a.svc', port: 10_911 })
})

test('a server that accepts and says nothing costs the time limit, not more', async () => {
  const silent = createServer(() => undefined)
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const bound = silent.address()
  assert(bound !== null && typeof bound !== 'string')
  const client = clientWith()
  await assert.rejects(ask(client, `127.0.0.1:${bound.port}`, 1, 50), failsAs('timeout'))
  client.close()
  silent.close()
})

test('an aborted call ends at once, also while dialling', async () => {
  const controller = new AbortController()
  controller.abort()
  const options = { timeoutMs: 1000, signal: controller.signal }
  const { address } = await serverWith(echoing())
  const client = clientWith()
  await assert.rejects(
    client.call(address, getMaxOffset, { topic: 'T', queueId: 1 }, options),
    failsAs('aborted'),
  )
  await ask(client, address)
  await assert.rejects(
    client.call(address, getMaxOffset, { topic: 'T', queueId: 1 }, options),
    failsAs('aborted'),
  )
})

test('an answer with an error code is a RequestError', async () => {
  const { address } = await serverWith(new Dispatcher({ log: silentLog }))
  await assert.rejects(
    ask(clientWith(), address),
    (error) =>
      error instanceof RequestError && error.code === 3 && error.remark === 'request type 30 not supported',
  )
})

test('a server can ask its client, which answers from its own table', async () => {
  const peers: Peer[] = []
  const dispatcher = echoing()
  dispatcher.on(heartBeat, ({ peer }) => {
    peers.push(peer)
    return {}
  })
  const { address } = await serverWith(dispatcher)
  const onRequest = new Dispatcher({ log: silentLog })
  onRequest.on(getConsumerRunningInfo, ({ header }) => ({ body: Buffer.from(`info of ${header.clientId}`) }))
  const client = clientWith({ onRequest, version: 479, language: 13 })
  await client.tell(address, heartBeat, {})
  await until(() => peers.length === 1)
  const [peer] = peers
  assert(peer)
  assert.equal(peer.language, 13)
  const info = await peer.call(
    getConsumerRunningInfo,
    { consumerGroup: 'g', clientId: 'c' },
    { timeoutMs: 1000 },
  )
  assert.equal(info.body.toString(), 'info of c')
})

test('a server that goes away is left, and the call repeated once on a new connection', async () => {
  let asked = 0
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, ({ header }) => {
    asked += 1
    return asked === 1 || header.queueId === 9 ? { code: 1500, remark: 'going' } : { header: { offset: 5 } }
  })
  const { server, address } = await serverWith(dispatcher)
  const client = clientWith()
  await client.tell(address, heartBeat, {})
  assert.equal((await ask(client, address)).header.offset, 5)
  assert.equal(server.acceptedCount, 2)
  await until(() => server.connections.size === 1, 'the old connection closes')
  await assert.rejects(
    ask(client, address, 9),
    (error) => error instanceof RequestError && error.code === 1500,
  )
  assert.equal(asked, 4)
})

test('a closed client refuses calls and rejects those under way', async () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, () => new Promise(() => undefined))
  const { server, address } = await serverWith(dispatcher)
  const client = clientWith()
  const call = ask(client, address)
  await until(() => [...server.connections].some(({ inFlight }) => inFlight === 1))
  client.close()
  await assert.rejects(call, failsAs('closed'))
  await assert.rejects(ask(client, address), failsAs('closed'))
})
