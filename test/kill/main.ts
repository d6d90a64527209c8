import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { below, seededRandom } from '../support/random.ts'
import { BrokerProcess, type Flush, placeBroker } from './broker-process.ts'
import { Ledger } from './ledger.ts'
import { Load, pause } from './load.ts'
import { makeNoSync, makePowerDisk, powerProblem } from './power.ts'
import { verify } from './reader.ts'
import { straceArgs, straceProblem, syscallFaults } from './syscalls.ts'

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
/** The broker without syncs has to be caught by so many cuts. */
const CONTROL_CUTS = 20

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

/** Cuts the power of the disk under a broker again and again. Returns what went wrong, at the latest after the last cut. */
async function cutPower(
  cuts: number,
  env: (folder: string) => Readonly<Record<string, string>>,
): Promise<{
  problems: string[]
  done: number
  acked: number
  lost: number
  recoveries: number[]
  evidence: string
}> {
  const folder = await mkdtemp(join(tmpdir(), 'rocketcluster-power-'))
  const random = seededRandom(seed + 1)
  const disk = makePowerDisk(folder)
  const place = await placeBroker(folder, join(disk.mountPoint, 'store'), 'SYNC_FLUSH')
  const options: { env: Readonly<Record<string, string>> } = { env: env(folder) }
  const ledger = new Ledger()
  const problems: string[] = []
  const recoveries: number[] = []
  let broker = new BrokerProcess(place, options)
  const load = new Load(broker.address, ledger, seed + 1)
  let done = 0
  try {
    await broker.ready
    await load.createTopic()
    for (; done < cuts && problems.length === 0; done++) {
      load.start()
      await pause(50 + below(random, 500))
      disk.cut()
      await broker.kill()
      await load.stop()
      disk.restore()
      broker = new BrokerProcess(place, options)
      try {
        recoveries.push(await broker.ready)
      } catch (error) {
        // A store that does not open after a power cut is as bad as one that lost something.
        problems.push(String(error))
        break
      }
      problems.push(...(await verify(broker.address, ledger)).problems)
    }
  } finally {
    await broker.kill()
    await load.stop()
    load.close()
    if (problems.length > 0 && options.env.LD_PRELOAD === undefined)
      await cp(disk.mountPoint, `${folder}-kept`, { recursive: true })
    disk.remove()
    if (problems.length > 0 && options.env.LD_PRELOAD === undefined)
      await cp(join(folder, 'broker.out'), join(`${folder}-kept`, 'broker.out'))
    await rm(folder, { recursive: true, force: true })
  }
  const evidence = `${folder}-kept`
  return { problems, done, acked: ledger.ackedCount, lost: ledger.lost().length, recoveries, evidence }
}

async function powerCuts(): Promise<void> {
  const cuts = Number(process.env.POWER_CUTS ?? 20)
  const problem = powerProblem()
  if (cuts === 0 || problem !== undefined)
    return console.log(`skipped - power cuts: ${problem ?? 'POWER_CUTS=0'}`)
  const startedAt = performance.now()
  const result = await cutPower(cuts, () => ({}))
  for (const text of result.problems.slice(0, 20)) console.log(`  ${text}`)
  if (result.problems.length > 0)
    console.log(`  the store, after the start that found it so, is kept in ${result.evidence}`)
  verdict(
    'power cuts on ext4, SYNC_FLUSH',
    result.problems.length === 0 && result.acked > 0,
    `${result.done} cuts, ${result.acked} acked, ${result.lost} lost, ${result.problems.length} problems, ` +
      `start to serving p50 ${Math.round(percentile(result.recoveries, 0.5))} ms max ${Math.round(Math.max(0, ...result.recoveries))} ms, ` +
      `${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  )
  const control = await cutPower(CONTROL_CUTS, (folder) => ({ LD_PRELOAD: makeNoSync(folder) }))
  verdict(
    'control: the same with a broker whose syncs do nothing',
    control.problems.length > 0 && control.acked > 0,
    control.problems.length > 0
      ? `caught by cut ${control.done}: ${control.problems[0]?.split('\n')[0]}`
      : `NOT caught by ${control.done} cuts: the cuts prove nothing`,
  )
}

/** Lets system calls of the real process fail, one at a time. */
async function failSyscalls(): Promise<void> {
  const count = Number(process.env.SYSCALL_FAULTS ?? 16)
  const problem = straceProblem()
  if (count === 0 || problem !== undefined)
    return console.log(`skipped - failing system calls: ${problem ?? 'SYSCALL_FAULTS=0'}`)
  const startedAt = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'rocketcluster-syscalls-'))
  const place = await placeBroker(folder, join(folder, 'store'), 'SYNC_FLUSH')
  const ledger = new Ledger()
  const problems: string[] = []
  let broker = new BrokerProcess(place)
  const load = new Load(broker.address, ledger, seed + 2)
  let stops = 0
  let done = 0
  try {
    await broker.ready
    await load.createTopic()
    for (const fault of syscallFaults(count)) {
      await broker.kill()
      broker = new BrokerProcess(place, { prefix: straceArgs(fault), env: { UV_THREADPOOL_SIZE: '1' } })
      const isUp = await broker.ready.then(
        () => true,
        () => false,
      )
      if (isUp) {
        load.start()
        await Promise.race([pause(400), broker.gone])
      }
      if (broker.isGone) stops++
      await broker.kill()
      await load.stop()
      broker = new BrokerProcess(place)
      await broker.ready
      const found = (await verify(broker.address, ledger)).problems
      problems.push(...found.map((text) => `${fault.name} at call ${fault.when}: ${text}`))
      done++
      if (problems.length > 0) break
    }
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    await broker.kill()
    await load.stop()
    load.close()
  }
  for (const text of problems.slice(0, 10)) console.log(`  ${text}`)
  if (problems.length > 0) console.log(`  the store is kept in ${folder}`)
  else await rm(folder, { recursive: true, force: true })
  const refusals = [...load.refusals].map(([kind, times]) => `${kind} ${times}`).join(', ')
  verdict(
    'failing system calls of a real broker, SYNC_FLUSH',
    problems.length === 0 && ledger.ackedCount > 0,
    `${done} faults, ${stops} of them ended the broker, ${ledger.ackedCount} acked, ${ledger.lost().length} lost, ` +
      `${problems.length} problems, instead of acks: ${refusals || 'none'}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  )
}

const isWanted = (name: string): boolean =>
  process.env.KILL_ONLY === undefined || process.env.KILL_ONLY.split(',').includes(name)

if (isWanted('kills')) for (const flush of ['SYNC_FLUSH', 'ASYNC_FLUSH'] as const) await killLoop(flush)
if (isWanted('power')) await powerCuts()
if (isWanted('syscalls')) await failSyscalls()
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
