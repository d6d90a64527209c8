import { seededRandom } from '../support/random.ts'
import { newDamageTally, Patient, sweepBits, sweepFiles } from './damage.ts'
import {
  crashRun,
  newTally,
  type Replay,
  randomSequence,
  shortSequences,
  type Tally,
  usedStore,
  type Violation,
  variantAt,
  variantName,
} from './enumeration.ts'
import { fillDisk, liveProblem, newFaultTally, sweepFaults } from './faults.ts'
import { type Mutant, mutants } from './mutants.ts'
import { runWorkload, variants, type Workload } from './workload.ts'

/**
 * npm run test:crash: the store on a memory disk, crashed at every moment, with every operation failing, with every bit
 * damaged. Environment: CRASH_IMAGES (distinct images, 60000), CRASH_SEED (1), DAMAGE_STRIDE (every n-th bit; so that at least
 * 20000 are flipped), CRASH_GO_ON (does not stop at the first kind of violation),
 * CRASH_ONLY (images, faults, damage, mutants), CRASH_REPLAY (as printed with a violation).
 */
const imagesWanted = Number(process.env.CRASH_IMAGES ?? 60_000)
const seed = Number(process.env.CRASH_SEED ?? 1)
const FLIPS_WANTED = 20_000

let passed = 0
let failed = 0

function verdict(name: string, isGood: boolean, facts: string): void {
  if (isGood) passed++
  else failed++
  console.log(`${isGood ? 'ok' : 'NOT OK'} - ${name}: ${facts}`)
}

function show(violations: readonly Violation[], count = 12): void {
  for (const { workload, prefix, image, text, replay } of violations.slice(0, count))
    console.log(
      [
        `  violation of ${text.split('\n').slice(0, 6).join('\n    ')}`,
        `    workload ${workload.name}, seed ${workload.seed}, ${variantName(workload.variant)}: ${workload.steps.join(' ')}`,
        `    after entry ${prefix} of the record, image ${image}`,
        `    again with: ${replay}`,
      ].join('\n'),
    )
}

/** One is enough to fail; CRASH_GO_ON collects more kinds. */
const isEnoughFound = ({ violations }: Tally): boolean =>
  violations.length >= (process.env.CRASH_GO_ON === undefined ? 1 : 12)

const escaped: unknown[] = []
process.on('unhandledRejection', (reason) => escaped.push(reason))

/** Half of the images from all short sequences, the other half from long ones. */
async function images(): Promise<void> {
  const tally = newTally()
  const startedAt = performance.now()
  const used = await Promise.all(variants.map(usedStore))
  const random = seededRandom(seed)
  const sequences = shortSequences(random)
  const perShort = Math.max(8, Math.ceil(imagesWanted / 6000))
  for (const [index, steps] of sequences.entries()) {
    if (tally.distinct.size >= imagesWanted / 2 || isEnoughFound(tally)) break
    const variantIndex = (index + Math.floor(index / sequences.length)) % variants.length
    const variant = variantAt(variantIndex)
    const start = index % 3 === 2 ? used[variantIndex] : undefined
    const workload: Workload = {
      name: start ? 'short-on-used' : 'short',
      seed: seed * 100_000 + index,
      variant,
      steps,
      isConcurrent: index % 5 === 4,
    }
    const run = await runWorkload(workload, start && { start })
    await crashRun(run, tally, {
      power: perShort,
      kill: 2,
      nestedShare: 0.05,
      thoroughShare: 0.25,
      moments: 0.4,
    })
  }
  let number = 0
  while (tally.distinct.size < imagesWanted && !isEnoughFound(tally)) {
    const variant = variantAt(number)
    const workload: Workload = {
      name: 'long',
      seed: seed * 100_000 + 50_000 + number++,
      variant,
      steps: randomSequence(random),
      isConcurrent: true,
    }
    const run = await runWorkload(workload)
    const before = tally.distinct.size
    const isEnough = (): boolean => tally.distinct.size >= imagesWanted || tally.distinct.size - before > 2000
    await crashRun(run, tally, {
      power: 24,
      kill: 4,
      nestedShare: 0.05,
      thoroughShare: 0.15,
      moments: 0.4,
      isEnough,
    })
  }
  const seconds = (performance.now() - startedAt) / 1000
  show(tally.violations)
  verdict(
    'crash images',
    tally.violations.length === 0 && tally.distinct.size >= imagesWanted,
    `${tally.images} images, ${tally.distinct.size} distinct, ${tally.nested} crashed during recovery, ${tally.workloads} workloads, ` +
      `${tally.violationCount} violations, ${Math.round(tally.images / seconds)} images/s, ${seconds.toFixed(1)} s`,
  )
}

async function faults(): Promise<void> {
  const result = newFaultTally()
  const startedAt = performance.now()
  for (const variant of variants)
    await sweepFaults(variant, result, { isEnough: () => isEnoughFound(result.tally) })
  for (const variant of variants) await fillDisk(variant, result)
  const ordinals = [...result.ordinals]
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${kind} ${count}`)
  show(result.tally.violations)
  verdict(
    'I/O errors',
    result.tally.violations.length === 0,
    `${result.runs} runs, each ordinal of ${ordinals.join(', ')} failed; ${result.stops} stops and new starts, ` +
      `${result.tally.images} images, ${result.tally.violationCount} violations (false acks, losses, no way back), ` +
      `${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  )
}

async function damage(): Promise<void> {
  const tally = newDamageTally()
  const startedAt = performance.now()
  const patients = await Promise.all(variants.slice(0, 2).map((variant) => Patient.make(variant, tally)))
  const [patient] = patients
  if (patient === undefined) return
  const totalBits = patient.files().reduce((sum, { sizeBytes }) => sum + sizeBytes * 8, 0)
  const stride = Number(process.env.DAMAGE_STRIDE ?? Math.max(1, Math.floor(totalBits / FLIPS_WANTED)))
  await sweepBits(patient, stride, seed)
  const flips = tally.injuries
  for (const one of patients) await sweepFiles(one)
  for (const { what, text } of tally.silent.slice(0, 10))
    console.log(`  ${what}: ${text.split('\n').slice(0, 4).join('\n      ')}`)
  for (const [file, { detected, harmless, silent }] of [...tally.byFile].sort())
    console.log(`  ${file}: ${detected} detected, ${harmless} harmless, ${silent} silent`)
  verdict(
    'damage',
    tally.silent.length === 0 && (flips >= FLIPS_WANTED || process.env.DAMAGE_STRIDE !== undefined),
    `${flips} bits flipped (every ${stride}th of a store of ${totalBits / 8} bytes) and ${tally.injuries - flips} files hurt: ` +
      `${tally.detected} detected, ${tally.harmless} harmless, ${tally.silent.length} silent, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  )
}

const MUTANT_IMAGES = 20_000

/** A mutant has to be found by the same means, in a part of the same time. */
async function tryMutant(mutant: Mutant): Promise<Tally> {
  const { wrap } = mutant
  if (mutant.at === 'faults') {
    const result = newFaultTally()
    for (const variant of variants)
      if (result.tally.violations.length === 0)
        await sweepFaults(variant, result, {
          wrap,
          kinds: ['datasync', 'write'],
          isEnough: () => result.tally.violations.length > 0,
        })
    return result.tally
  }
  const tally = newTally()
  const random = seededRandom(seed)
  const isEnough = (): boolean => tally.violations.length > 0 || tally.images > MUTANT_IMAGES
  for (let number = 0; !isEnough(); number++) {
    const workload: Workload = {
      name: 'long',
      seed: seed * 100_000 + 70_000 + number,
      variant: variantAt(number),
      steps: randomSequence(random).slice(0, 40),
      isConcurrent: number % 2 === 1,
    }
    const run = await runWorkload(workload, mutant.at === 'run' ? { wrap } : {})
    await crashRun(run, tally, {
      power: 24,
      kill: 4,
      nestedShare: 0,
      thoroughShare: 0.5,
      moments: 0.5,
      isEnough,
      ...(mutant.at === 'recovery' && { wrap }),
    })
  }
  return tally
}

async function mutantsAreFound(): Promise<void> {
  for (const mutant of mutants) {
    const startedAt = performance.now()
    const tally = await tryMutant(mutant)
    const [first] = tally.violations
    verdict(
      `mutant "${mutant.name}"`,
      first !== undefined,
      first === undefined
        ? `SURVIVED ${tally.images} images`
        : `found after ${tally.images} images, ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${first.text.split('\n')[0]}`,
    )
  }
}

async function replay(text: string): Promise<void> {
  const { workload, prefix, image, ...limits } = JSON.parse(text) as Replay
  const isFaulty = workload.fault !== undefined || workload.name === 'full'
  const start = workload.name === 'short-on-used' ? await usedStore(workload.variant) : undefined
  const run = await runWorkload(workload, { restarts: isFaulty, ...(start && { start }) })
  const tally = newTally()
  if (isFaulty) console.log(`  stops: ${run.stops.join('; ') || 'none'}; then: ${liveProblem(run) ?? 'well'}`)
  await crashRun(run, tally, { ...limits, moments: 1, replay: { prefix, image } })
  if (process.env.CRASH_TRACE !== undefined)
    for (const [index, entry] of run.record.slice(0, prefix).entries())
      console.log(
        index,
        entry.kind === 'mark'
          ? JSON.stringify(entry.value).slice(0, 200)
          : `${entry.kind} ${entry.operation.kind} ${entry.operation.path}`,
      )
  show(tally.violations, 20)
  verdict('replay', tally.violations.length === 0, `${tally.images} images`)
}

const parts = { images, faults, damage, mutants: mutantsAreFound }
const again = process.env.CRASH_REPLAY
if (again !== undefined) await replay(again)
else
  for (const [name, run] of Object.entries(parts))
    if (process.env.CRASH_ONLY === undefined || process.env.CRASH_ONLY.split(',').includes(name)) await run()
if (escaped.length > 0) {
  verdict(
    'no rejection goes unhandled',
    false,
    `${escaped.length}, the first: ${escaped[0] instanceof Error ? escaped[0].stack : escaped[0]}`,
  )
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
