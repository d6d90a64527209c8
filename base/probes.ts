import { type HttpServer, serveHttp } from './http.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

export interface ProbesOptions {
  readonly host: string
  /** 0: the system picks one. */
  readonly port: number
  readonly metrics: Pick<Metrics, 'text'>
  readonly log: Log
  /** Why the server should get no traffic now, in words for people; undefined when it may. */
  readonly unreadiness: () => string | undefined
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * `/metrics` for Prometheus, `/healthz` (the process answers: 200) and `/readyz` (200, or 503 with the reason), as every
 * process of ours serves them.
 */
export const startProbes = ({ host, port, metrics, log, unreadiness }: ProbesOptions): Promise<HttpServer> =>
  serveHttp({
    host,
    port,
    log,
    paths: {
      '/metrics': async () => ({ type: METRICS_TYPE, body: await metrics.text() }),
      '/healthz': () => ({ body: 'ok\n' }),
      '/readyz': () => {
        const reason = unreadiness()
        return reason === undefined ? { body: 'ok\n' } : { status: 503, body: `${reason}\n` }
      },
    },
  })
