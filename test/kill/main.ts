import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { below, seededRandom } from '../support/random.ts'
import { BrokerProcess, type Flush, placeBroker } from './broker-process.ts'
import { Ledger } from './ledger.ts'
import { Load, pause } from './load.ts'
import { verify } from './reader.ts'

/**
 * npm run test:kill: a real broker under load, killed at random moments. Environment: KILLS (per flush type, 100), POWER_CUTS
 * (20), SYSCALL_FAULTS (16), KILL_SEED (by the clock), KILL_ONLY (kills, power, syscalls).
 */
const kills = Number(process.env.KILLS ?? 100)
const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000)
/** Everything is read again after so many kills, and at the end. */
const VERIFY_EVERY = 25
/** Share of the kills that hit a broker while it starts. */
const DURING_START = 0.3

let passed = 0
let failed = 0

function verdict(name: string, isGood: boolean, facts: string): void {
  if (isGood) passed++
  else failed++
  console.log(`${isGood ? 'ok' : 'NOT OK'} - ${name}: ${facts}`)
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0

async function killLoop(flush: Flush): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rocketcluster-kill-'))
  const random = seededRandom(seed)
  const place = await placeBroker(folder, join(folder, 'store'), flush)
  const ledger = new Ledger()
  const problems: string[] = []
  const recoveries: number[] = []
  const startedAt = performance.now()
  let broker = new BrokerProcess(place)
  const load = new Load(broker.address, ledger, seed)
  let duringStart = 0
  let done = 0
  try {
    recoveries.push(await broker.ready)
    await load.createTopic()
    load.start()
    for (; done < kills && problems.length === 0; done++) {
      if (done > 0 && random() < DURING_START) {
        // Somewhere between the first instruction and serving.
        duringStart++
        await pause(below(random, percentile(recoveries, 0.5)))
      } else {
        if (done > 0) recoveries.push(await broker.ready)
        await pause(20 + below(random, 400))
      }
      await broker.kill()
      broker = new BrokerProcess(place)
      if ((done + 1) % VERIFY_EVERY === 0 || done === kills - 1) {
        recoveries.push(await broker.ready)
        await load.stop()
        problems.push(...(await verify(broker.address, ledger)).problems)
        if (done < kills - 1) load.start()
      }
    }
    await load.stop()
    if (!(await broker.stop())) problems.push('the last stop was not orderly within its limit')
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    await broker.kill()
    await load.stop()
    load.close()
  }
  for (const problem of problems.slice(0, 20)) console.log(`  ${problem}`)
  if (problems.length > 0)
    console.log(`  again with KILL_SEED=${seed}; the store is kept in ${folder}\n${broker.lastLines(15)}`)
  else await rm(folder, { recursive: true, force: true })
  const refusals = [...load.refusals].map(([kind, count]) => `${kind} ${count}`).join(', ')
  verdict(
    `kill -9 under load, ${flush}`,
    problems.length === 0 && ledger.ackedCount > 0,
    `${done} kills (${duringStart} of them while starting), ${ledger.ackedCount} acked, ${ledger.lost().length} lost, ` +
      `${problems.length} problems, start to serving p50 ${Math.round(percentile(recoveries, 0.5))} ms max ${Math.round(Math.max(...recoveries))} ms, ` +
      `instead of acks: ${refusals || 'none'}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  )
}

const isWanted = (name: string): boolean =>
  process.env.KILL_ONLY === undefined || process.env.KILL_ONLY.split(',').includes(name)

if (isWanted('kills')) for (const flush of ['SYNC_FLUSH', 'ASYNC_FLUSH'] as const) await killLoop(flush)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
