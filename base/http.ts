import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
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
const HEADER_BYTES_MAX = 8 * 1024
const HEADERS_MAX = 64
const HEADERS_TIMEOUT_MS = 5000
const REQUEST_TIMEOUT_MS = 10_000
const IDLE_TIMEOUT_MS = 30_000
const REQUESTS_PER_CONNECTION = 1000
const TEXT = 'text/plain; charset=utf-8'

/** A small HTTP/1.1 server for metrics and probes. Rejects when the port cannot be had, with its number in the message. */
export function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, log } = options
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      connectionsCheckingInterval: HEADERS_TIMEOUT_MS,
      insecureHTTPParser: false,
    },
    (request, response) => answer(options, request, response),
  )
  server.maxConnections = CONNECTIONS_MAX
  server.maxHeadersCount = HEADERS_MAX
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION
  server.timeout = IDLE_TIMEOUT_MS
  // Malformed requests end their connection; there is nobody to tell.
  server.on('clientError', (_error, socket) => socket.destroy())
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE'
      reject(
        isTaken
          ? new Error(`port ${port} on ${host} (metrics) is taken by another process`, { cause: error })
          : error,
      )
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
            server.closeAllConnections()
          }),
      })
    })
  })
}

function answer({ paths, log }: HttpOptions, request: IncomingMessage, response: ServerResponse): void {
  // Nobody sends us a body for a reason: whatever comes is not read.
  response.once('finish', () => {
    if (!request.complete) request.destroy()
  })
  const { method = '', url = '' } = request
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  const handler = Object.hasOwn(paths, path) ? paths[path] : undefined
  if (handler === undefined) {
    write(request, response, { status: 404, body: 'not found\n' })
  } else if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    write(request, response, { status: 405, body: 'method not allowed\n' })
  } else {
    Promise.resolve()
      .then(handler)
      .then(
        (content) => write(request, response, content),
        (error: unknown) => {
          log.error('http.failed', { path, error: error instanceof Error ? error.stack : String(error) })
          write(request, response, { status: 500, body: 'internal error, see the log\n' })
        },
      )
  }
}

function write(request: IncomingMessage, response: ServerResponse, content: HttpAnswer): void {
  const body = Buffer.from(content.body)
  response.writeHead(content.status ?? 200, {
    'content-type': content.type ?? TEXT,
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
