import type { HttpServer } from '../base/http.ts'
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'

export interface ProbeOptions {
  readonly settings: { readonly metricsHost: string; readonly metricsPort: number }
  /** Key → where its value came from. */
  readonly sources: ReadonlyMap<string, string>
  readonly metrics: Metrics
  readonly unreadiness: () => string | undefined
  readonly log: Log
}

/**
 * Serves metrics and probes. A port that somebody asked for and cannot be had is an error; the usual one is given up with a
 * warning, because a second server on the same machine is nothing unusual.
 */
export async function openProbes(options: ProbeOptions): Promise<HttpServer | undefined> {
  const { settings, sources, metrics, unreadiness, log } = options
  const { metricsHost: host, metricsPort: port } = settings
  const isOff = port === 0
  if (isOff) return undefined
  const { startProbes } = await import('../base/probes.ts')
  try {
    return await startProbes({ host, port, metrics, log, unreadiness })
  } catch (error) {
    if (sources.get('metricsPort') !== 'default') throw error
    const reason = error instanceof Error ? error.message : String(error)
    log.warn('metrics.off', { reason, advice: 'set metricsPort to a free port, or to 0' })
    return undefined
  }
}
