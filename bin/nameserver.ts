import { systemClock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { PrometheusMetrics } from '../base/prometheus.ts'
import { loadNameserverSettings, nameserverKeySet } from '../settings/nameserver.ts'
import { printSettings } from '../settings/print.ts'
import { openProbes } from './probes.ts'
import { nameserverHelp } from './server-help.ts'
import { parseServerOptions } from './server-options.ts'
import { announce, openLog, type Running, reportAndExit, runServer, warnAll } from './server-run.ts'
import { loadServerSettings } from './server-settings.ts'
import { readText, writeText } from './text-file.ts'

const name = 'mqnamesrv'
const TICK_INTERVAL_MS = 1000
/** For what comes after the requests under way: the last write of the KV file. */
const STOP_MARGIN_MS = 10_000

async function main(): Promise<void> {
  const options = parseServerOptions(process.argv.slice(2), process.stdout.isTTY)
  if (options.isHelp) return console.log(nameserverHelp)
  const { loaded, store } = await loadServerSettings(
    loadNameserverSettings,
    options,
    ({ configStorePath }) => configStorePath,
  )
  const { settings, warnings, sources } = loaded
  if (options.print !== undefined) return console.log(printSettings(nameserverKeySet, loaded, options.print))

  const log = openLog(options)
  warnAll(log, warnings)
  const start = async (startLog: Log, fail: (error: Error) => void): Promise<Running> => {
    const { kvConfigPath } = settings
    // Not before it is needed: help, -p and a bad file are answered without the nameserver.
    const { startNameserver } = await import('../nameserver/nameserver.ts')
    const { nameserverMetrics } = await import('../nameserver/metrics.ts')
    const nameserver = await startNameserver({
      settings,
      storeSettings: store,
      kvStorage: { read: () => readText(kvConfigPath), write: (text) => writeText(kvConfigPath, text) },
      clock: systemClock,
      log: startLog,
      onFailure: fail,
    })
    const metrics = new PrometheusMetrics({ labels: { node_type: 'nameserver' }, hasProcessMetrics: true })
    nameserverMetrics(metrics, nameserver)
    const unreadiness = (): undefined => undefined
    const probes = await openProbes({ settings, sources, metrics, unreadiness, log: startLog })
    const { host, port } = nameserver.address
    announce(`The Name Server boot success. serializeType=JSON, address ${host}:${port}`, { host, port })
    return {
      tickIntervalMs: TICK_INTERVAL_MS,
      stopLimitMs: settings.shutdownWaitTimeSeconds * 1000 + STOP_MARGIN_MS,
      tick: (now) => nameserver.tick(now),
      stop: async () => {
        await nameserver.stop()
        await probes?.close()
      },
    }
  }
  await runServer({ name, start }, log)
}

main().catch((error: unknown) => reportAndExit(name, error))
