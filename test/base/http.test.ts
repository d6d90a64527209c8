import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type HttpOptions, serveHttp } from '../../base/http.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { startProbes } from '../../base/probes.ts'
import { PrometheusMetrics } from '../../base/prometheus.ts'

async function serve(t: TestContext, paths: HttpOptions['paths'], log: Log = silentLog): Promise<string> {
  const server = await serveHttp({ host: '127.0.0.1', port: 0, paths, log })
  t.after(() => server.close())
  return `http://127.0.0.1:${server.address.port}`
}

/** Sends bytes, the second part later, and resolves to everything that comes back until the connection ends. */
function raw(base: string, bytes: string, later?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(base).port), '127.0.0.1')
    let text = ''
    socket.setNoDelay(true)
    socket.setTimeout(8000, () => socket.destroy(new Error('still open after 8 s')))
    socket.on('connect', () => socket.write(bytes))
    if (later !== undefined) setTimeout(() => socket.write(later), 50)
    socket.on('data', (data) => {
      text += data.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

test('known paths answer GET and HEAD, all else is 404 or 405', async (t) => {
  const base = await serve(t, {
    '/a': () => ({ body: 'hello' }),
    '/b': async () => ({ status: 503, body: 'no' }),
  })
  const response = await fetch(`${base}/a?x=1`)
  assert.deepEqual([response.status, await response.text()], [200, 'hello'])
  assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
  const head = await fetch(`${base}/a`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '5', ''])
  assert.equal((await fetch(`${base}/b`)).status, 503)
  for (const path of ['/', '/a/', '/__proto__', '/constructor', '/../a/..'])
    assert.equal((await fetch(base + path)).status, 404)
  const post = await fetch(`${base}/a`, { method: 'POST', body: 'x'.repeat(10_000) })
  assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD'])
})

test('a handler that fails is a 500 without its reason, and a line in the log', async (t) => {
  const events: string[] = []
  const base = await serve(
    t,
    {
      '/a': () => {
        throw new Error('secret')
      },
    },
    { ...silentLog, error: (event) => events.push(event) },
  )
  const response = await fetch(`${base}/a`)
  assert.equal(response.status, 500)
  assert.doesNotMatch(await response.text(), /secret/)
  assert.deepEqual(events, ['http.failed'])
})

test('what is no HTTP, or too much of it, gets its answer and ends; others do not notice', async (t) => {
  const base = await serve(t, { '/a': () => ({ body: 'hello' }) })
  for (const [bytes, status] of [
    ['\u0000\u0000\u0000\u0010garbage\r\n\r\n', 400],
    ['get /a HTTP/1.1\r\n\r\n', 400],
    ['GET /a HTTP/2.0\r\n\r\n', 400],
    ['GET  HTTP/1.1\r\n\r\n', 400],
    [`GET /a HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(9000)}\r\n\r\n`, 431],
    [`GET /${'a'.repeat(9000)}`, 431],
    ['GET /a HTTP/1.0\r\n\r\n', 200],
    ['GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\n\r\n', 200],
  ] as const) {
    const text = await raw(base, bytes)
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `), bytes.slice(0, 40))
    assert.equal(text.match(/hello/g)?.length ?? 0, status === 200 ? 1 : 0)
  }
  assert.equal(await (await fetch(`${base}/a`)).text(), 'hello')
})

test('a request that comes in pieces is put together, at every split point', async (t) => {
  const base = await serve(t, { '/a': () => ({ body: 'hello' }) })
  const request = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
  const answers = Array.from({ length: request.length - 1 }, (_, at) =>
    raw(base, request.slice(0, at + 1), request.slice(at + 1)),
  )
  for (const text of await Promise.all(answers)) assert.match(text, /hello$/)
})

test('a peer that hangs up in the middle of its request costs nothing', async (t) => {
  const base = await serve(t, { '/a': () => ({ body: 'hello' }) })
  const port = Number(new URL(base).port)
  for (let count = 0; count < 200; count++)
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end('GET /a'))
      socket.on('close', () => resolve())
      socket.resume()
    })
  assert.equal(await (await fetch(`${base}/a`)).text(), 'hello')
})

test('a body that never ends is not waited for', async (t) => {
  const base = await serve(t, { '/a': () => ({ body: 'hello' }) })
  const text = await raw(base, 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc')
  assert.match(text, /^HTTP\/1\.1 405/)
})

test('connections beyond the limit are closed', async (t) => {
  const base = await serve(t, { '/a': () => ({ body: 'hello' }) })
  const port = Number(new URL(base).port)
  const sockets = Array.from({ length: 80 }, () => connect(port, '127.0.0.1'))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  let closed = 0
  await new Promise<void>((resolve) => {
    for (const socket of sockets) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (++closed === 16) resolve()
      })
    }
  })
})

test('a taken port is named', async (t) => {
  const base = await serve(t, {})
  const { port } = new URL(base)
  await assert.rejects(
    serveHttp({ host: '127.0.0.1', port: Number(port), paths: {}, log: silentLog }),
    new RegExp(`port ${port} on 127.0.0.1`),
  )
})

test('probes: metrics, health and readiness with its reason', async (t) => {
  const metrics = new PrometheusMetrics()
  metrics.gauge('level', 'Level', () => [[{}, 3]])
  let reason: string | undefined = 'still starting'
  const server = await startProbes({
    host: '127.0.0.1',
    port: 0,
    metrics,
    log: silentLog,
    unreadiness: () => reason,
  })
  t.after(() => server.close())
  const base = `http://127.0.0.1:${server.address.port}`
  const scrape = await fetch(`${base}/metrics`)
  assert.match(await scrape.text(), /level 3/)
  assert.equal(scrape.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal((await fetch(`${base}/healthz`)).status, 200)
  const unready = await fetch(`${base}/readyz`)
  assert.deepEqual([unready.status, await unready.text()], [503, 'still starting\n'])
  reason = undefined
  assert.equal((await fetch(`${base}/readyz`)).status, 200)
})
