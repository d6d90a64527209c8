import type { Random } from '../../base/clock.ts'
import type { RecordEntry } from '../../store/memory-record.ts'
import type { Change, MemoryTree } from '../../store/memory-tree.ts'
import { below, randomBytes, sample } from './random.ts'

/**
 * What may be on a disk after the power went out, for any moment of a recorded run. Guaranteed is what a sync that
 * succeeded vouches for; every other change is kept or lost on its own, a write also in parts.
 */
export interface CrashImage {
  readonly tree: MemoryTree
  /** How it was made, in words for the report of a violation. */
  readonly what: string
}

interface Pending {
  /** Where it stands in the record. */
  readonly index: number
  readonly path: string
  readonly change: Change
  readonly atMs: number
  /** A sync that failed gave no promise for it, and no later one will. */
  isDoubtful: boolean
}

type Write = Extract<Change, { kind: 'write' }>

interface Recipe {
  readonly what: string
  readonly build: (tree: MemoryTree) => void
}

const SECTOR_BYTES = 512
const TORN_MAX = 16
const RANDOM_SUBSETS = 32
const NAMES_MAX = 4

/** Walks along a record and makes images of the disk at the moment it stands at. */
export class CrashWalk {
  readonly #record: readonly RecordEntry[]
  readonly #durable: MemoryTree
  /** What the running system sees. */
  readonly #live: MemoryTree
  #pending: Pending[] = []
  #at = 0

  /** `start` is the disk before the first entry of the record. It is not changed. */
  constructor(start: MemoryTree, record: readonly RecordEntry[]) {
    this.#durable = start.fork()
    this.#live = start.fork()
    this.#record = record
  }

  /** So many entries of the record have happened. */
  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#record.length
  }

  /** The next entry happens; the walk must not be at its end. */
  step(): RecordEntry {
    const entry = this.#record[this.#at]
    if (entry === undefined) throw new Error('the walk is at its end')
    this.#at++
    if (entry.kind === 'changes') {
      const { path } = entry.operation
      for (const change of entry.changes) {
        this.#live.apply(change, entry.atMs)
        this.#pending.push({ index: this.#at - 1, path, change, atMs: entry.atMs, isDoubtful: false })
      }
    } else if (entry.kind === 'sync') this.#sync(entry)
    return entry
  }

  /** True when images made here can differ from those made before, or have to satisfy more. */
  get isWorthwhile(): boolean {
    const next = this.#record[this.#at]
    return next === undefined || next.kind !== 'mark'
  }

  #sync(entry: Extract<RecordEntry, { kind: 'sync' }>): void {
    const kept: Pending[] = []
    for (const item of this.#pending) {
      const isCovered = item.index < entry.issuedAt && isTouched(item.change, entry.node)
      if (!isCovered) kept.push(item)
      // Names are metadata: a journal that failed takes no later sync, so one that succeeds vouches for them, too.
      else if (entry.isFailed) kept.push({ ...item, isDoubtful: !isName(item.change) })
      // What a failed sync of a file dropped stays away: its pages count as clean since then.
      else if (!item.isDoubtful) this.#durable.apply(item.change, item.atMs)
    }
    this.#pending = kept
  }

  /** All images of the power-cut model for this moment, at most `limit` of them, chosen by chance. */
  *images(random: Random, limit: number): Generator<CrashImage> {
    const [nothing, all, ...single] = this.#plain()
    const recipes = [
      ...single,
      ...this.#names(random),
      ...this.#sizes(),
      ...this.#torn(random),
      ...this.#subsets(random),
    ]
    const always = [nothing, all].filter((recipe) => recipe !== undefined)
    for (const { what, build } of [...always, ...sample(random, recipes, limit - always.length)]) {
      const tree = this.#durable.fork()
      build(tree)
      yield { tree, what: `${what} (${this.#pending.length} unsynced)` }
    }
  }

  /** Images of a killed process: the system goes on, so all that was done stays; the next write may be half done. */
  *killImages(random: Random, limit: number): Generator<CrashImage> {
    yield { tree: this.#live.fork(), what: 'killed between two operations' }
    const next = this.#record[this.#at]
    const write = next?.kind === 'changes' ? next.changes[0] : undefined
    if (write?.kind !== 'write' || write.bytes.length < 2) return
    for (let count = 0; count < limit; count++) {
      const cut = 1 + below(random, write.bytes.length - 1)
      const tree = this.#live.fork()
      tree.apply({ ...write, bytes: write.bytes.subarray(0, cut) }, next?.kind === 'changes' ? next.atMs : 0)
      yield { tree, what: `killed after ${cut} of ${write.bytes.length} bytes of a write` }
    }
  }

  *#plain(): Generator<Recipe> {
    const pending = this.#pending
    yield { what: 'nothing unsynced', build: () => undefined }
    if (pending.length === 0) return
    yield { what: 'all unsynced', build: (tree) => keep(tree, pending) }
    for (const item of pending) {
      if (pending.length < 2) return
      yield { what: `only ${name(item)}`, build: (tree) => keep(tree, [item]) }
      yield {
        what: `all but ${name(item)}`,
        build: (tree) =>
          keep(
            tree,
            pending.filter((other) => other !== item),
          ),
      }
    }
  }

  /** Names made, moved and removed, each independently, with the bytes of all files and of none. */
  *#names(random: Random): Generator<Recipe> {
    const names = this.#pending.filter(({ change }) => isName(change))
    if (names.length < 2) return
    const free = names.length <= NAMES_MAX ? names : sample(random, names, NAMES_MAX)
    for (let bits = 0; bits < 2 ** free.length; bits++) {
      const lost = new Set(free.filter((_, index) => (bits & (1 << index)) !== 0))
      for (const hasData of [true, false])
        yield {
          what: `names lost: ${[...lost].map(name).join(', ') || 'none'}; bytes ${hasData ? 'kept' : 'lost'}`,
          build: (tree) =>
            keep(
              tree,
              this.#pending.filter((item) => (isName(item.change) ? !lost.has(item) : hasData)),
            ),
        }
    }
  }

  /** A file that grew without its bytes, and one that got the bytes without growing. */
  *#sizes(): Generator<Recipe> {
    const grown = new Map<number, { path: string; sizeBytes: number; atMs: number }>()
    for (const { change, path, atMs } of this.#pending)
      if (change.kind === 'write')
        grown.set(change.node, {
          path,
          atMs,
          sizeBytes: Math.max(grown.get(change.node)?.sizeBytes ?? 0, change.position + change.bytes.length),
        })
    for (const [node, { path, sizeBytes, atMs }] of grown) {
      const before = this.#durable.file(node)?.content.sizeBytes ?? 0
      if (sizeBytes <= before) continue
      const others = this.#pending.filter(({ change }) => !(change.kind === 'write' && change.node === node))
      yield {
        what: `${path} grew without its bytes`,
        build: (tree) => {
          keep(tree, others)
          if ((tree.file(node)?.content.sizeBytes ?? 0) < sizeBytes)
            tree.apply({ kind: 'truncate', node, sizeBytes }, atMs)
        },
      }
      yield {
        what: `${path} got bytes without growing`,
        build: (tree) => {
          keep(tree, this.#pending)
          tree.apply({ kind: 'truncate', node, sizeBytes: before }, atMs)
        },
      }
    }
  }

  /** The last write, torn, with everything before it in place; what it did not reach is old, zeros or garbage. */
  *#torn(random: Random): Generator<Recipe> {
    const last = this.#pending.findLast(({ change }) => change.kind === 'write')
    if (last === undefined || last.change.kind !== 'write') return
    const write = last.change
    const others = this.#pending.filter((item) => item !== last)
    const garbage = randomBytes(random, Math.min(write.bytes.length, 4 * SECTOR_BYTES))
    for (const cut of tearPoints(write, last.path, random))
      for (const fill of ['old bytes', 'zeros', 'garbage'] as const)
        yield {
          what: `${name(last)} torn after ${cut} of ${write.bytes.length} bytes, then ${fill}`,
          build: (tree) => {
            keep(tree, others)
            tree.apply({ ...write, bytes: write.bytes.subarray(0, cut) }, last.atMs)
            if (fill === 'old bytes') return
            const rest =
              fill === 'zeros'
                ? new Uint8Array(write.bytes.length - cut)
                : garbage.subarray(0, write.bytes.length - cut)
            tree.apply({ ...write, position: write.position + cut, bytes: rest }, last.atMs)
          },
        }
  }

  /** Any part of what is not synced; writes sometimes only in some of their sectors. */
  *#subsets(random: Random): Generator<Recipe> {
    if (this.#pending.length === 0) return
    for (let count = 0; count < RANDOM_SUBSETS; count++) {
      const chance = [0.15, 0.5, 0.85][count % 3] ?? 0.5
      const isTearing = count % 2 === 1
      const kept = this.#pending.filter(() => random() < chance)
      const changes = kept.flatMap((item) =>
        isTearing && item.change.kind === 'write' && random() < 0.5
          ? someSectors(item.change, random).map((change) => ({ ...item, change }))
          : [item],
      )
      yield {
        what: `entries ${kept.map(({ index }) => index).join(' ') || 'none'}${isTearing ? ', some torn by sector' : ''}`,
        build: (tree) => keep(tree, changes),
      }
    }
  }
}

function keep(tree: MemoryTree, items: readonly Pending[]): void {
  for (const { change, atMs } of items) tree.apply(change, atMs)
}

const name = ({ index, path, change }: Pending): string => `${change.kind} ${path} (entry ${index})`

const isName = (change: Change): boolean =>
  change.kind === 'link' || change.kind === 'unlink' || change.kind === 'rename'

/** Whether a sync of this file or folder makes the change durable. A rename is one step for both folders. */
function isTouched(change: Change, node: number): boolean {
  if (change.kind === 'write' || change.kind === 'truncate') return change.node === node
  if (change.kind === 'rename') return change.fromFolder === node || change.toFolder === node
  return change.folder === node
}

/** Sectors of the file, and the first bytes of the records in a write to the log. */
function tearPoints(write: Write, path: string, random: Random): readonly number[] {
  const { position, bytes } = write
  const sectors: number[] = []
  for (let cut = SECTOR_BYTES - (position % SECTOR_BYTES); cut < bytes.length; cut += SECTOR_BYTES)
    sectors.push(cut)
  const heads: number[] = [0]
  if (path.startsWith('commitlog/')) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at + 4 <= bytes.length; ) {
      const size = view.getInt32(at)
      if (size <= 0) break
      at += size
      if (at < bytes.length) heads.push(at)
    }
  }
  const inHeads = sample(random, heads, 3).flatMap((head) => [head + 1, head + 4, head + 8])
  const cuts = new Set([...sample(random, sectors, TORN_MAX), ...inHeads])
  return [...cuts].filter((cut) => cut > 0 && cut < bytes.length)
}

function someSectors(write: Write, random: Random): Change[] {
  const parts: Change[] = []
  let from = 0
  while (from < write.bytes.length) {
    const to = Math.min(write.bytes.length, from + SECTOR_BYTES - ((write.position + from) % SECTOR_BYTES))
    if (random() < 0.5)
      parts.push({ ...write, position: write.position + from, bytes: write.bytes.subarray(from, to) })
    from = to
  }
  return parts
}
