import type { MemoryTree } from '../../store/memory-tree.ts'
import { seededRandom } from '../support/random.ts'
import { usedStore } from './enumeration.ts'
import { History } from './history.ts'
import { check } from './oracle.ts'
import type { Variant } from './workload.ts'

export interface DamageTally {
  injuries: number
  /** The store named the damage and stopped, or refused to hand out what is damaged. */
  detected: number
  /** Nothing was lost and nothing was wrong: unused bytes, or rebuilt from the log. */
  harmless: number
  readonly silent: { readonly what: string; readonly text: string }[]
  /** By file, for the report. */
  readonly byFile: Map<string, { detected: number; harmless: number; silent: number }>
}

export const newDamageTally = (): DamageTally => ({
  injuries: 0,
  detected: 0,
  harmless: 0,
  silent: [],
  byFile: new Map(),
})

const SILENT_MAX = 50

/** A sound store with everything in it, and ways to hurt it. */
export class Patient {
  readonly #tree: MemoryTree
  readonly #history = new History()
  readonly #variant: Variant
  readonly #tally: DamageTally

  private constructor(variant: Variant, tree: MemoryTree, tally: DamageTally) {
    this.#variant = variant
    this.#tree = tree
    this.#tally = tally
  }

  static async make(variant: Variant, tally: DamageTally): Promise<Patient> {
    const used = await usedStore(variant)
    const patient = new Patient(variant, used.tree, tally)
    for (const mark of used.marks) patient.#history.apply(mark)
    const sound = await patient.#examine(used.tree.fork())
    if (sound.violation !== undefined)
      throw new Error(`the store is not sound before any damage: ${sound.violation}`)
    return patient
  }

  files(): readonly { readonly path: string; readonly sizeBytes: number }[] {
    return [...this.#tree.namedFiles()].map(({ path, file }) => ({ path, sizeBytes: file.content.sizeBytes }))
  }

  get isExhausted(): boolean {
    return this.#tally.silent.length >= SILENT_MAX
  }

  /** Turns one bit of a file over. */
  flip(path: string, bit: number): Promise<void> {
    return this.#injure(
      `bit ${bit % 8} of byte ${Math.floor(bit / 8)} of ${path} flipped`,
      path,
      (tree, node) => {
        const position = Math.floor(bit / 8)
        const byte = new Uint8Array(1)
        tree.file(node)?.content.read(byte, 0, 1, position)
        byte[0] = (byte[0] ?? 0) ^ (1 << (bit % 8))
        tree.apply({ kind: 'write', node, position, bytes: byte })
      },
    )
  }

  async hurtFile(path: string, sizeBytes: number, others: readonly string[]): Promise<void> {
    const { folder, name } = this.#place(path)
    await this.#injure(`${path} missing`, path, (tree) => tree.apply({ kind: 'unlink', folder, name }))
    for (let size = 0; size < sizeBytes; size += 512)
      await this.#injure(`${path} cut to ${size} bytes`, path, (tree, node) =>
        tree.apply({ kind: 'truncate', node, sizeBytes: size }),
      )
    await this.#injure(`${path} doubled`, path, (tree, node) => {
      const bytes = tree.file(node)?.content.bytes() ?? new Uint8Array()
      tree.apply({ kind: 'write', node, position: bytes.length, bytes })
    })
    await this.#injure(`${path} is a folder`, path, (tree) => {
      tree.apply({ kind: 'link', folder, name, node: tree.newNode(), isFolder: true })
    })
    await this.#injure(`${path} zeroed`, path, (tree, node) =>
      tree.apply({ kind: 'write', node, position: 0, bytes: new Uint8Array(sizeBytes) }),
    )
    for (const other of others)
      await this.#injure(`${path} and ${other} swapped`, path, (tree, node) => {
        const place = this.#place(other)
        const otherNode = tree.find(other.split('/')) ?? -1
        tree.apply({ kind: 'link', folder, name, node: otherNode, isFolder: false })
        tree.apply({ kind: 'link', folder: place.folder, name: place.name, node, isFolder: false })
      })
  }

  /** A folder that is gone with all that was in it. */
  async hurtFolder(path: string): Promise<void> {
    const { folder, name } = this.#place(path)
    await this.#injure(`${path}/ missing`, `${path}/`, (tree) => tree.apply({ kind: 'unlink', folder, name }))
  }

  /** Each token of a JSON file left out in turn. */
  async hurtJson(path: string): Promise<void> {
    const text = this.#tree.file(this.#node(path))?.content.bytes().toString('utf8') ?? ''
    for (const match of text.matchAll(/"[^"]*"|-?\d+|[{}[\]:,]|true|false|null/g)) {
      const rest = text.slice(0, match.index) + text.slice(match.index + match[0].length)
      await this.#injure(`${path} without ${match[0]} at ${match.index}`, path, (tree, node) => {
        tree.apply({ kind: 'truncate', node, sizeBytes: 0 })
        tree.apply({ kind: 'write', node, position: 0, bytes: Buffer.from(rest) })
      })
    }
  }

  #node(path: string): number {
    return this.#tree.find(path.split('/')) ?? -1
  }

  #place(path: string): { folder: number; name: string } {
    const parts = path.split('/')
    const name = parts.pop() ?? ''
    return { folder: this.#tree.find(parts) ?? -1, name }
  }

  async #examine(tree: MemoryTree): Promise<Awaited<ReturnType<typeof check>>> {
    const expectation = { history: this.#history, variant: this.#variant, durable: Number.POSITIVE_INFINITY }
    return check(tree, expectation, { random: seededRandom(3), isThorough: false })
  }

  async #injure(what: string, path: string, hurt: (tree: MemoryTree, node: number) => void): Promise<void> {
    if (this.isExhausted) return
    const tree = this.#tree.fork()
    hurt(tree, this.#node(path))
    const outcome = await this.#examine(tree)
    const tally = this.#tally
    const kind = path.replace(/\d{17,20}/, '*')
    const counts = tally.byFile.get(kind) ?? { detected: 0, harmless: 0, silent: 0 }
    tally.byFile.set(kind, counts)
    tally.injuries++
    if (outcome.violation === undefined) {
      tally.harmless++
      counts.harmless++
    } else if (outcome.stop !== undefined && outcome.stop !== '') {
      tally.detected++
      counts.detected++
    } else {
      counts.silent++
      tally.silent.push({ what, text: outcome.violation })
    }
  }
}

/** Every `stride`-th bit of all files, beginning at `first`. */
export async function sweepBits(patient: Patient, stride: number, first: number): Promise<number> {
  let bit = first % stride
  let total = 0
  for (const { path, sizeBytes } of patient.files()) {
    total += sizeBytes
    for (; bit < sizeBytes * 8; bit += stride) await patient.flip(path, bit)
    bit -= sizeBytes * 8
  }
  return total
}

/** Every file missing, cut, doubled, zeroed, swapped with its neighbours and replaced by a folder. */
export async function sweepFiles(patient: Patient): Promise<void> {
  const files = patient.files()
  for (const [index, { path, sizeBytes }] of files.entries()) {
    const others = [files[index + 1], files[index + 7]].flatMap((file) =>
      file === undefined ? [] : [file.path],
    )
    await patient.hurtFile(path, sizeBytes, others)
    if (path.endsWith('.json')) await patient.hurtJson(path)
  }
  for (const folder of [
    'commitlog',
    'consumequeue',
    'consumequeue/TopicA',
    'index',
    'config',
    'rocketcluster',
  ])
    await patient.hurtFolder(folder)
}
