import { systemClock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { PrometheusMetrics } from '../base/prometheus.ts'
import { systemTimer } from '../base/timer.ts'
import { brokerKeySet, loadBrokerSettings, roleProblem } from '../settings/broker.ts'
import { ConfigError } from '../settings/load.ts'
import { printSettings } from '../settings/print.ts'
import { openProbes } from './probes.ts'
import { brokerHelp } from './server-help.ts'
import { parseServerOptions } from './server-options.ts'
import { announce, openLog, type Running, reportAndExit, runServer, warnAll } from './server-run.ts'
import { loadServerSettings } from './server-settings.ts'

const name = 'mqbroker'
/** For what comes after the requests under way: offsets, tables and the last flush. */
const STOP_MARGIN_MS = 30_000

async function main(): Promise<void> {
  const options = parseServerOptions(process.argv.slice(2), process.stdout.isTTY)
  if (options.isHelp) return console.log(brokerHelp)
  const { loaded, store } = await loadServerSettings(
    loadBrokerSettings,
    options,
    ({ storePathRootDir }) => `${storePathRootDir}/config/broker.properties`,
  )
  const { settings, warnings, sources } = loaded
  if (options.print !== undefined) return console.log(printSettings(brokerKeySet, loaded, options.print))
  const problem = roleProblem(settings)
  if (problem !== undefined)
    throw new ConfigError([{ place: sources.get('brokerRole') ?? '', key: 'brokerRole', problem }])

  const log = openLog(options)
  warnAll(log, warnings)
  const start = async (startLog: Log, fail: (error: Error) => void): Promise<Running> => {
    // Not before it is needed: help, -p and a bad file are answered without the broker.
    const { startBroker, TICK_INTERVAL_MS } = await import('../broker/broker.ts')
    const { FileDisk } = await import('../store/file-disk.ts')
    const { brokerLabels, brokerMetrics } = await import('../broker/broker-metrics.ts')
    const broker = await startBroker({
      settings,
      disk: await FileDisk.open(settings.storePathRootDir),
      clock: systemClock,
      timer: systemTimer,
      random: Math.random,
      log: startLog,
      storeSettings: store,
      hasFastPort: settings.fastListenEnable,
      onFailure: fail,
    })
    const metrics = new PrometheusMetrics({ labels: brokerLabels(settings), hasProcessMetrics: true })
    brokerMetrics(metrics, broker)
    const unreadiness = (): string | undefined => broker.store.status().refusal
    const probes = await openProbes({ settings, sources, metrics, unreadiness, log: startLog })
    const { port } = broker.address
    const nameservers = settings.namesrvAddr === '' ? '' : ` and name server is ${settings.namesrvAddr}`
    const who = `${settings.brokerName}, ${settings.brokerIP1}:${port}`
    announce(`The broker[${who}] boot success. serializeType=JSON${nameservers}`, broker.address)
    return {
      tickIntervalMs: TICK_INTERVAL_MS,
      stopLimitMs: settings.shutdownWaitTimeSeconds * 1000 + STOP_MARGIN_MS,
      tick: (now) => broker.tick(now),
      stop: async () => {
        await broker.stop()
        await probes?.close()
      },
    }
  }
  await runServer({ name, start }, log)
}

main().catch((error: unknown) => reportAndExit(name, error))
