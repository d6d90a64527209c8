import { hash } from 'node:crypto'
import type { Disk } from '../../store/disk.ts'
import type { MemoryDisk } from '../../store/memory-disk.ts'
import type { RecordEntry } from '../../store/memory-record.ts'
import type { MemoryTree } from '../../store/memory-tree.ts'
import { CrashWalk } from '../support/crash-images.ts'
import { seededRandom } from '../support/random.ts'
import { History, type Mark } from './history.ts'
import { check } from './oracle.ts'
import { type Run, runWorkload, type Step, steps, type Variant, variants, type Workload } from './workload.ts'

export interface Violation {
  readonly workload: Workload
  readonly prefix: number
  readonly image: string
  readonly text: string
  readonly replay: string
}

export interface Tally {
  images: number
  readonly distinct: Set<string>
  /** Images of first starts, which all workloads on the same disk have in common. */
  readonly openings: Set<string>
  workloads: number
  nested: number
  /** The first of each kind. */
  readonly violations: Violation[]
  violationCount: number
}

export const newTally = (): Tally => ({
  images: 0,
  distinct: new Set(),
  openings: new Set(),
  workloads: 0,
  nested: 0,
  violations: [],
  violationCount: 0,
})

export interface ImageLimits {
  /** Images of the power-cut model per moment, and of a killed process. */
  readonly power: number
  readonly kill: number
  /** Share of the images whose recovery is crashed, too, and of those that are recovered, closed and opened once more. */
  readonly nestedShare: number
  readonly thoroughShare: number
  /** Share of the moments that are looked at. */
  readonly moments: number
  /** For mutants of the recovery. */
  readonly wrap?: (disk: MemoryDisk) => Disk
  /** Only this one. */
  readonly replay?: { readonly prefix: number; readonly image: string }
  readonly isEnough?: () => boolean
}

/** Kinds of violations after which a run is not looked at any further. */
const KINDS_MAX = 12

/** Two violations are of one kind when they differ in numbers only. */
export function addViolation(tally: Tally, violation: Violation): void {
  const kindOf = ({ text }: Violation): string => text.slice(0, 100).replace(/\d+/g, '#')
  tally.violationCount++
  if (!tally.violations.some((known) => kindOf(known) === kindOf(violation))) tally.violations.push(violation)
}

/** Crashes a run at every moment and checks what comes back. */
export async function crashRun(run: Run, tally: Tally, limits: ImageLimits): Promise<void> {
  const history = new History()
  for (const mark of run.before) history.apply(mark)
  const walk = new CrashWalk(run.start, run.record)
  tally.workloads++
  const seen = new Set<string>()
  const firstVersion = history.version
  for (;;) {
    const isOpening = history.version === firstVersion && run.workload.fault === undefined
    const isWanted = limits.replay === undefined || limits.replay.prefix === walk.at
    if (walk.isWorthwhile && isWanted)
      await crashMoment(run, walk, history, tally, limits, isOpening ? tally.openings : seen)
    if (walk.isAtEnd || tally.violations.length >= KINDS_MAX || limits.isEnough?.() === true) return
    const entry = walk.step()
    if (entry.kind === 'mark') history.apply(entry.value as Mark)
  }
}

/** The same chance for the same moment of the same workload, so that one image can be made again alone. */
const momentSeed = (run: Run, prefix: number): number =>
  Math.imul(run.workload.seed + 1, 0x9e3779b1) ^ (prefix * 0x85ebca6b)

async function crashMoment(
  run: Run,
  walk: CrashWalk,
  history: History,
  tally: Tally,
  limits: ImageLimits,
  seen: Set<string>,
): Promise<void> {
  const random = seededRandom(momentSeed(run, walk.at))
  if (random() >= limits.moments && limits.replay === undefined && !walk.isAtEnd) return
  const { variant } = run.workload
  const flushed = variant.flush === 'SYNC_FLUSH' ? Number.POSITIVE_INFINITY : history.flushed
  const images = [
    ...[...walk.images(random, limits.power)].map((image) => ({
      ...image,
      durable: flushed,
      model: 'power',
    })),
    ...[...walk.killImages(random, limits.kill)].map((image) => ({
      ...image,
      durable: Number.POSITIVE_INFINITY,
      model: 'kill',
    })),
  ]
  for (const [index, { tree, what, durable, model }] of images.entries()) {
    const image = `${model}-${index}`
    const imageRandom = seededRandom(momentSeed(run, walk.at) ^ Math.imul(index + 1, 0xc2b2ae35))
    const isNested = imageRandom() < limits.nestedShare
    const isThorough = imageRandom() < limits.thoroughShare
    if (limits.replay !== undefined && limits.replay.image !== image && limits.replay.image !== '') continue
    const print = hash('sha1', tree.fingerprint(), 'base64')
    // The same disk held against the same requirements gives the same answer.
    const question = `${print} ${variantName(variant)} ${history.version} ${durable === flushed}`
    if (seen.has(question) && limits.replay === undefined) continue
    seen.add(question)
    const isNew = !tally.distinct.has(print)
    tally.images++
    tally.distinct.add(print)
    const start = isNested ? tree.fork() : undefined
    // A disk that was seen before has to satisfy more by now; a cheap look is enough.
    const outcome = await check(
      tree,
      { history, variant, durable },
      { random: imageRandom, isThorough: isThorough && isNew, ...(limits.wrap && { wrap: limits.wrap }) },
    )
    const report = (text: string, more = ''): void => {
      addViolation(tally, {
        workload: run.workload,
        prefix: walk.at,
        image: `${model}: ${what}${more}`,
        text,
        replay: replayText(run.workload, walk.at, image, limits),
      })
    }
    if (outcome.violation !== undefined) report(outcome.violation)
    else if (start !== undefined)
      await crashRecovery(
        start,
        outcome.recovery,
        history,
        variant,
        durable,
        tally,
        limits,
        report,
        imageRandom,
      )
    if (tally.violations.length >= KINDS_MAX) return
  }
}

/** Crashes again while the store recovers from an image. */
async function crashRecovery(
  start: MemoryTree,
  recovery: readonly RecordEntry[],
  history: History,
  variant: Variant,
  durable: number,
  tally: Tally,
  limits: ImageLimits,
  report: (text: string, more: string) => void,
  random: () => number,
): Promise<void> {
  const walk = new CrashWalk(start, recovery)
  const moments = Math.min(recovery.length, 200)
  const target = Math.floor(random() * (moments + 1))
  while (!walk.isAtEnd && walk.at < target) walk.step()
  for (const { tree, what } of walk.images(random, 3)) {
    tally.images++
    tally.nested++
    tally.distinct.add(hash('sha1', tree.fingerprint(), 'base64'))
    const outcome = await check(
      tree,
      { history, variant, durable },
      { random, isThorough: false, ...(limits.wrap && { wrap: limits.wrap }) },
    )
    if (outcome.violation !== undefined)
      return report(outcome.violation, `; crashed again after ${walk.at} operations of the recovery: ${what}`)
  }
}

/** What CRASH_REPLAY takes. */
export interface Replay extends Pick<ImageLimits, 'power' | 'kill' | 'nestedShare' | 'thoroughShare'> {
  readonly workload: Workload
  readonly prefix: number
  readonly image: string
}

export function replayText(workload: Workload, prefix: number, image: string, limits: ImageLimits): string {
  const { power, kill, nestedShare, thoroughShare } = limits
  const replay: Replay = { workload, prefix, image, power, kill, nestedShare, thoroughShare }
  return `CRASH_REPLAY='${JSON.stringify(replay)}' npm run test:crash`
}

/** All sequences of up to three steps, shortest first, then in an order drawn by lot. */
export function shortSequences(random: () => number): readonly (readonly Step[])[] {
  const short: Step[][] = [[]]
  const long: { readonly order: number; readonly sequence: Step[] }[] = []
  for (const a of steps) {
    short.push([a])
    for (const b of steps) {
      short.push([a, b])
      for (const c of steps) long.push({ order: random(), sequence: [a, b, c] })
    }
  }
  return [...short, ...long.sort((x, y) => x.order - y.order).map(({ sequence }) => sequence)]
}

/** 50 to 200 steps, mostly sends, with everything else in between. */
export function randomSequence(random: () => number): readonly Step[] {
  const length = 50 + Math.floor(random() * 151)
  const frequent: readonly Step[] = [
    'small',
    'small',
    'small',
    'small',
    'batch',
    'batch',
    'big',
    'delayed',
    'commit',
    'commit',
    'tick',
  ]
  return Array.from({ length }, () => {
    const list = random() < 0.8 ? frequent : steps
    return list[Math.floor(random() * list.length)] ?? 'small'
  })
}

/** A store with something of everything in it, closed in order: what half of the workloads begin with. */
export async function usedStore(variant: Variant): Promise<{ tree: MemoryTree; marks: readonly Mark[] }> {
  const sequence: Step[] = [
    'create',
    'small',
    'batch',
    'delayed',
    'commit',
    'big',
    'small',
    'roll',
    'tick',
    'commit',
    'batch',
    'big',
    'delete',
    'small',
    'create',
    'batch',
    'tick',
    'small',
    'commit',
    'restart',
    'small',
    'restart',
  ]
  const run = await runWorkload({ name: 'used', seed: 7, variant, steps: sequence, isConcurrent: false })
  const marks = run.record.flatMap((entry) => (entry.kind === 'mark' ? [entry.value as Mark] : []))
  return { tree: run.end, marks }
}

export const variantName = ({ flush, watermark }: Variant): string => `${flush} ${watermark}`

export const variantAt = (index: number): Variant => {
  const variant = variants[index % variants.length]
  if (variant === undefined) throw new Error('no variants')
  return variant
}
