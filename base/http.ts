import { createServer, type Socket } from 'node:net'
import type { Log } from './log.ts'

/** What a path answers. */
export interface HttpAnswer {
  /** 200 when absent. */
  readonly status?: number
  readonly type?: string
  readonly body: string
}

export interface HttpOptions {
  readonly host: string
  /** 0: the system picks one, see `address`. */
  readonly port: number
  /** Path → what is answered to GET and HEAD. Everything else is 404 or 405. */
  readonly paths: Readonly<Record<string, () => HttpAnswer | Promise<HttpAnswer>>>
  readonly log: Log
}

export interface HttpServer {
  readonly address: { readonly host: string; readonly port: number }
  close(): Promise<void>
}

/** For a few scrapers and probes, not for a public. */
const CONNECTIONS_MAX = 64
const HEAD_BYTES_MAX = 8 * 1024
/** From accepting a connection to the end of its request's head. */
const HEAD_TIMEOUT_MS = 5000
/** The whole life of a connection: answers are small and ready at once. */
const LIFE_MS = 15_000
/** After the answer, for a peer that is still sending. */
const LINGER_MS = 1000
const TEXT = 'text/plain; charset=utf-8'
const HEAD_END = '\r\n\r\n'
const REQUEST_LINE = /^([A-Z]{1,20}) ([\x21-\x7e]+) HTTP\/1\.[01]\r\n/

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/**
 * The least of HTTP/1.1 that metrics and probes need: one GET or HEAD a connection, no request bodies. Directly on sockets,
 * because node:http alone takes 16 MB of resident memory in every process. Rejects when the port cannot be had, with its
 * number in the message.
 */
export function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, log } = options
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serve(socket, options)
  })
  server.maxConnections = CONNECTIONS_MAX
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE'
      const text = `port ${port} on ${host} (metrics) is taken by another process`
      reject(isTaken ? new Error(text, { cause: error }) : error)
    })
    server.listen({ host, port }, () => {
      server.removeAllListeners('error')
      server.on('error', (error) => log.warn('http.failed', { error: error.message }))
      const bound = server.address()
      const boundPort = bound !== null && typeof bound !== 'string' ? bound.port : port
      resolve({
        address: { host, port: boundPort },
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            for (const socket of sockets) socket.destroy()
          }),
      })
    })
  })
}

function serve(socket: Socket, options: HttpOptions): void {
  let head = ''
  const life = setTimeout(() => socket.destroy(), LIFE_MS)
  const deadline = setTimeout(() => finish({ status: 408, body: 'request timeout\n' }), HEAD_TIMEOUT_MS)
  life.unref()
  deadline.unref()
  const finish = (answer: HttpAnswer, isHead = false): void => {
    clearTimeout(deadline)
    socket.off('data', onData)
    write(socket, answer, isHead)
  }
  const onData = (chunk: Buffer): void => {
    head += chunk.toString('latin1')
    const end = head.indexOf(HEAD_END)
    if (end < 0 && head.length <= HEAD_BYTES_MAX) return
    socket.off('data', onData)
    if (end < 0 || end > HEAD_BYTES_MAX) finish({ status: 431, body: 'the request is too large\n' })
    else void answer(head, options).then(({ content, isHead }) => finish(content, isHead))
  }
  socket.on('data', onData)
  socket.on('end', () => {
    if (!head.includes(HEAD_END)) socket.destroy()
  })
  // A peer that is gone needs no answer.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    clearTimeout(life)
    clearTimeout(deadline)
  })
}

async function answer(
  head: string,
  { paths, log }: HttpOptions,
): Promise<{ readonly content: HttpAnswer; readonly isHead: boolean }> {
  const [, method = '', target = ''] = REQUEST_LINE.exec(head) ?? []
  const isHead = method === 'HEAD'
  if (method === '') return { content: { status: 400, body: 'this is no HTTP/1.1 request\n' }, isHead }
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  const handler = Object.hasOwn(paths, path) ? paths[path] : undefined
  if (handler === undefined) return { content: { status: 404, body: 'not found\n' }, isHead }
  if (method !== 'GET' && !isHead)
    return { content: { status: 405, body: 'method not allowed\n' }, isHead: false }
  try {
    return { content: await handler(), isHead }
  } catch (error) {
    log.error('http.failed', { path, error: error instanceof Error ? error.stack : String(error) })
    return { content: { status: 500, body: 'internal error, see the log\n' }, isHead }
  }
}

function write(socket: Socket, { status = 200, type = TEXT, body }: HttpAnswer, isHead: boolean): void {
  const bytes = Buffer.from(body)
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}`,
    `content-type: ${type}`,
    `content-length: ${bytes.length}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'connection: close',
  ]
  if (status === 405) lines.push('allow: GET, HEAD')
  socket.write(`${lines.join('\r\n')}${HEAD_END}`)
  if (!isHead) socket.write(bytes)
  socket.end()
  // What the peer still sends is read and dropped: closing over unread bytes would take the answer back.
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
