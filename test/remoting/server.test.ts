import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { type LogFields, silentLog } from '../../base/log.ts'
import { timestamp } from '../../base/units.ts'
import { decodeCommand, encodeFrame } from '../../remoting/command.ts'
import { Dispatcher } from '../../remoting/dispatch.ts'
import { portOwner } from '../../remoting/port-owner.ts'
import { getMaxOffset } from '../../remoting/requests/get-max-offset.ts'
import { type ListenOptions, listen, PortTakenError, type RemotingServer } from '../../remoting/server.ts'
import { head, manualClock, turns, until } from '../support/wire.ts'

const servers: RemotingServer[] = []
const sockets: Socket[] = []
after(async () => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers) await server.close({ graceMs: 0 })
})

async function start(options: Partial<ListenOptions> = {}): Promise<RemotingServer> {
  const dispatcher = new Dispatcher({ log: silentLog })
  dispatcher.on(getMaxOffset, ({ header }) => ({ header: { offset: header.queueId } }))
  const server = await listen({
    host: '127.0.0.1',
    port: 0,
    dispatcher,
    log: silentLog,
    clock: systemClock,
    ...options,
  })
  servers.push(server)
  return server
}

/** `localAddress` any of 127.0.0.0/8, to come from several addresses. */
async function dial(server: RemotingServer, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: server.address.port, localAddress })
  sockets.push(socket)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Resolves to true when the server answers a request on this socket, to false when it closes it. */
async function isServed(socket: Socket): Promise<boolean> {
  if (socket.destroyed || socket.readableEnded) return false
  socket.write(encodeFrame(head({ code: 30 }), { topic: 'T', queueId: '1' }))
  return await new Promise((resolve) => {
    socket.once('data', () => resolve(true))
    socket.once('close', () => resolve(false))
  })
}

test('a taken port is refused with its number and its owner', async () => {
  const server = await start()
  const { port } = server.address
  await assert.rejects(
    start({ port }),
    (error) =>
      error instanceof PortTakenError &&
      error.port === port &&
      new RegExp(`^port ${port} on 127\\.0\\.0\\.1 is taken by .+ \\(pid ${process.pid}\\)$`).test(
        error.message,
      ),
  )
  assert.equal(portOwner(1), undefined)
  await assert.rejects(start({ host: '192.0.2.1' }), (error) => !(error instanceof PortTakenError))
})

test('what closed badly has a log line, of a flood only the first lines and then a count', async () => {
  const lines: [string, LogFields | undefined][] = []
  const log = { ...silentLog, warn: (event: string, fields?: LogFields) => void lines.push([event, fields]) }
  const clock = manualClock()
  const server = await start({ log, clock })
  for (let index = 0; index < 30; index++) {
    const socket = await dial(server)
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x01]))
    await once(socket, 'close')
  }
  await until(() => server.connections.size === 0)
  assert.equal(lines.length, 20)
  assert.equal(lines[0]?.[0], 'remoting.closed')
  assert.match(String(lines[0]?.[1]?.reason), /TLS handshake/)
  assert.match(String(lines[0]?.[1]?.peer), /^127\.0\.0\.1:\d+$/)
  clock.advance(10_001)
  server.tick(timestamp(0))
  assert.deepEqual(lines.at(-1), ['remoting.more-closed', { count: 10 }])
})

test('a peer that hangs up in good order has none', async () => {
  const lines: string[] = []
  const server = await start({ log: { ...silentLog, warn: (event) => void lines.push(event) } })
  const socket = await dial(server)
  assert(await isServed(socket))
  socket.end()
  await until(() => server.connections.size === 0)
  assert.deepEqual(lines, [])
})

test('random bytes, HTTP, TLS and PROXY headers close their own connection and disturb no other (C7)', async () => {
  const server = await start()
  const honest = await dial(server)
  for (const bytes of [
    'GET / HTTP/1.1\r\n\r\n',
    '\x16\x03\x01\x02\x00',
    'PROXY TCP4 1 2 3 4\r\n',
    '\xff\xff\xff\xff',
    '\0\0\0\0',
  ]) {
    const socket = await dial(server)
    socket.write(Buffer.from(bytes, 'latin1'))
    await once(socket, 'close')
    assert(await isServed(honest))
  }
})

test('the connections of one address are capped (C3)', async () => {
  const server = await start({ limits: { connectionsPerAddressMax: 3 } })
  const crowd: Socket[] = []
  for (let index = 0; index < 5; index++) crowd.push(await dial(server, '127.0.0.2'))
  const served = await Promise.all(crowd.map(isServed))
  assert.equal(served.filter(Boolean).length, 3)
  assert.equal(server.refusedCount, 2)
  assert(await isServed(await dial(server, '127.0.0.3')))
  crowd.find((_, index) => served[index])?.destroy()
  await until(() => server.connections.size === 3)
  assert(await isServed(await dial(server, '127.0.0.2')))
})

test('all connections are capped, the last of them kept for addresses that have few (C3)', async () => {
  const server = await start({ limits: { connectionsMax: 32 } })
  for (let index = 0; index < 40; index++) await dial(server, '127.0.0.4')
  await turns(10)
  assert.equal(server.connections.size, 30)
  const peer = await dial(server, '127.0.0.5')
  assert(await isServed(peer))
  assert(await isServed(await dial(server, '127.0.0.6')))
  assert.equal(await isServed(await dial(server, '127.0.0.7')), false)
  assert.equal(server.connections.size, 32)
})

test('idle connections are closed by tick', async () => {
  const clock = manualClock()
  const server = await start({ clock })
  const socket = await dial(server)
  await until(() => server.connections.size === 1)
  clock.advance(120_001)
  server.tick(timestamp(0))
  await once(socket, 'close')
  assert.equal(server.connections.size, 0)
})

test('after a stall of the process itself nobody is closed before what arrived meanwhile was read', async () => {
  const clock = manualClock()
  const server = await start({ clock })
  const [silent, lively] = [await dial(server), await dial(server)]
  await until(() => server.connections.size === 2)
  server.tick(timestamp(0))
  clock.advance(200_000)
  server.tick(timestamp(0))
  assert(await isServed(lively))
  server.tick(timestamp(0))
  await once(silent, 'close')
  assert(await isServed(lively))
})

test('when all connections together hold too much, those that hold most are closed', async () => {
  const server = await start({ limits: { heldBytesMax: 300_000 } })
  const greedy = await dial(server)
  const modest = await dial(server)
  for (const [socket, bytes] of [
    [greedy, 400_000],
    [modest, 100],
  ] as const) {
    const start = Buffer.alloc(bytes)
    start.writeInt32BE(1_000_000)
    socket.write(start)
  }
  await until(() => [...server.connections].reduce((sum, { heldBytes }) => sum + heldBytes, 0) >= 400_100)
  const closed = once(greedy, 'close')
  server.tick(timestamp(0))
  await closed
  assert.equal(server.connections.size, 1)
})

test('closing waits for the work under way, refuses new work and new connections, and ends by its grace', async () => {
  const dispatcher = new Dispatcher({ log: silentLog })
  const { promise, resolve } = Promise.withResolvers<void>()
  dispatcher.on(getMaxOffset, async () => {
    await promise
    return { header: { offset: 1 } }
  })
  const server = await start({ dispatcher })
  const { port } = server.address
  const socket = await dial(server)
  const answer = isServed(socket)
  await until(() => [...server.connections].some(({ inFlight }) => inFlight === 1))
  const closed = server.close({ graceMs: 5000 })
  await assert.rejects(once(connect({ host: '127.0.0.1', port }), 'connect'))
  const refused = once(socket, 'data')
  socket.write(encodeFrame(head({ code: 30, opaque: 8, version: 479 }), { topic: 'T', queueId: '1' }))
  assert.equal(decodeCommand((await refused)[0]).code, 1500)
  assert(await answer, 'the first bytes on the socket')
  const last = once(socket, 'data')
  resolve()
  assert.equal(decodeCommand((await last)[0]).code, 0)
  await closed
  assert.equal(server.connections.size, 0)

  const stubborn = new Dispatcher({ log: silentLog })
  stubborn.on(getMaxOffset, () => new Promise(() => undefined))
  const other = await start({ dispatcher: stubborn })
  const waiting = isServed(await dial(other))
  await until(() => [...other.connections].some(({ inFlight }) => inFlight === 1))
  await other.close({ graceMs: 50 })
  assert.equal(await waiting, false)
})
