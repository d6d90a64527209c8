import type { Disk } from '../../store/disk.ts'
import type { MemoryDisk } from '../../store/memory-disk.ts'
import type { OperationKind } from '../../store/memory-record.ts'
import { addViolation, crashRun, newTally, replayText, type Tally } from './enumeration.ts'
import type { Mark } from './history.ts'
import { type Run, runWorkload, type Step, type Variant, type Workload } from './workload.ts'

/** What goes through everything a store does to its disk, twice to files that are there and once to those that are not. */
const REFERENCE: readonly Step[] = [
  'create',
  'small',
  'batch',
  'big',
  'commit',
  'delayed',
  'roll',
  'tick',
  'restart',
  'small',
  'delete',
  'create',
  'small',
  'clean',
  'batch',
  'big',
  'kill',
  'small',
  'commit',
  'tick',
  'small',
  'tick',
  'tick',
  'small',
]

const KINDS: readonly OperationKind[] = [
  'write',
  'datasync',
  'truncate',
  'open',
  'rename',
  'unlink',
  'makeDirectory',
  'removeDirectory',
  'syncDirectory',
  'read',
  'list',
  'stat',
  'size',
  'close',
  'space',
]

interface Failure {
  readonly code: 'EIO' | 'ENOSPC'
  readonly writtenBytes?: number
}

const failuresOf = (kind: OperationKind): readonly Failure[] => {
  if (kind === 'write') return [{ code: 'EIO' }, { code: 'ENOSPC' }, { code: 'ENOSPC', writtenBytes: 100 }]
  const canFill = kind === 'datasync' || kind === 'truncate' || kind === 'open' || kind === 'makeDirectory'
  return canFill ? [{ code: 'EIO' }, { code: 'ENOSPC' }] : [{ code: 'EIO' }]
}

const FAULT_LIMITS = { power: 4, kill: 0, nestedShare: 0, thoroughShare: 0.1, moments: 0.01 }

export interface FaultTally {
  readonly ordinals: Map<OperationKind, number>
  runs: number
  /** The store stopped or refused to open and was started again. */
  stops: number
  readonly tally: Tally
}

export const newFaultTally = (): FaultTally => ({
  ordinals: new Map(),
  runs: 0,
  stops: 0,
  tally: newTally(),
})

/** Fails every operation of the reference workload once, one per run, and checks what is left. */
export async function sweepFaults(
  variant: Variant,
  result: FaultTally,
  options: {
    readonly wrap?: (disk: MemoryDisk) => Disk
    readonly kinds?: readonly OperationKind[]
    readonly isEnough?: () => boolean
  } = {},
): Promise<void> {
  const workload: Workload = { name: 'faults', seed: 11, variant, steps: REFERENCE, isConcurrent: false }
  const sound = await runWorkload(workload, { restarts: true, ...options })
  for (const kind of options.kinds ?? KINDS) {
    const ordinals = sound.disk.count(kind)
    result.ordinals.set(kind, Math.max(result.ordinals.get(kind) ?? 0, ordinals))
    for (let ordinal = 1; ordinal <= ordinals; ordinal++)
      for (const failure of failuresOf(kind)) {
        if (options.isEnough?.() === true) return
        await oneFault({ ...workload, fault: { kind, ordinal, ...failure } }, result, options)
      }
  }
}

async function oneFault(
  workload: Workload,
  result: FaultTally,
  options: { readonly wrap?: (disk: MemoryDisk) => Disk } = {},
): Promise<void> {
  const run = await runWorkload(workload, { restarts: true, ...options })
  result.runs++
  result.stops += run.stops.length
  const problem = liveProblem(run)
  if (problem !== undefined) {
    const replay = replayText(workload, run.record.length, '', FAULT_LIMITS)
    addViolation(result.tally, {
      workload,
      prefix: run.record.length,
      image: 'no crash',
      text: problem,
      replay,
    })
  }
  await crashRun(run, result.tally, FAULT_LIMITS)
}

/** A disk that is full for a while: sends are refused, and taken again by themselves when there is room. */
const FULL: readonly (readonly Step[])[] = [
  [
    'create',
    'small',
    'full',
    'small',
    'batch',
    'commit',
    'tick',
    'small',
    'roomy',
    'tick',
    'tick',
    'small',
    'batch',
  ],
  ['small', 'batch', 'tick', 'full', 'big', 'big', 'big', 'tick', 'roomy', 'tick', 'tick', 'big', 'small'],
  ['small', 'commit', 'full', 'small', 'restart', 'small', 'roomy', 'restart', 'tick', 'small'],
  ['small', 'commit', 'full', 'big', 'kill', 'small', 'roomy', 'kill', 'tick', 'small'],
]

export async function fillDisk(variant: Variant, result: FaultTally): Promise<void> {
  for (const [index, steps] of FULL.entries()) {
    const workload: Workload = { name: 'full', seed: 21 + index, variant, steps, isConcurrent: false }
    const run = await runWorkload(workload, { restarts: true })
    result.runs++
    result.stops += run.stops.length
    const problem = liveProblem(run)
    const replay = replayText(workload, run.record.length, '', FAULT_LIMITS)
    if (problem !== undefined)
      addViolation(result.tally, {
        workload,
        prefix: run.record.length,
        image: 'no crash',
        text: problem,
        replay,
      })
    await crashRun(run, result.tally, { ...FAULT_LIMITS, power: 12, moments: 1 })
  }
}

/** What must hold although nothing crashed: the fault is over, so the store works, if need be after a new start. */
export function liveProblem(run: Run): string | undefined {
  if (run.stopped !== undefined)
    return `does not come back after a fault: ${run.stopped}; before: ${run.stops.join('; ')}`
  const marks = run.record.flatMap((entry) => (entry.kind === 'mark' ? [entry.value as Mark] : []))
  const last = marks.findLast((mark) => mark.what === 'sent')
  const isAcked = marks.some((mark) => mark.what === 'acked' && last?.what === 'sent' && mark.id === last.id)
  return isAcked ? undefined : 'sends are still refused after the fault is over'
}
