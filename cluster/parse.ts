import { type Document, isMap, isScalar, LineCounter, parseAllDocuments } from 'yaml'
import type { Cluster } from './cluster.ts'
import { withDefaults } from './defaults.ts'
import { type Problem, pathText } from './problem.ts'
import { API_GROUP, KIND, OTHER_KINDS } from './schema.ts'
import { validate } from './validate.ts'

/** The manifest cannot be used. Each line of the message is one problem: `file:line: path: what is wrong`. */
export class ManifestError extends Error {
  override name = 'ManifestError'
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

export interface ParsedManifest {
  readonly cluster: Cluster
  /** What the reader should know, with file and line. */
  readonly warnings: readonly string[]
}

/** Bigger than any manifest; an alias bomb ends here, too. */
const ALIASES_MAX = 100
const TEXT_LENGTH_MAX = 1024 * 1024

/**
 * Reads a manifest file with one RocketCluster; documents of other kinds may stand beside it, as in a file for kubectl.
 * Throws ManifestError with every problem.
 */
export function parseManifest(text: string, fileName: string): ParsedManifest {
  if (text.length > TEXT_LENGTH_MAX)
    throw new ManifestError([`${fileName}: longer than ${TEXT_LENGTH_MAX} characters: no manifest`])
  const lineCounter = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter, prettyErrors: false, uniqueKeys: true })
  const documents = Array.isArray(parsed) ? parsed.filter((document) => !isEmpty(document)) : []
  const at = (offset: number): string => `${fileName}:${Math.max(1, lineCounter.linePos(offset).line)}`

  const syntax = documents.flatMap(({ errors }) =>
    errors.map(({ pos, message }) => `${at(pos[0])}: ${message}`),
  )
  if (syntax.length > 0) throw new ManifestError(syntax)

  const warnings: string[] = []
  const clusters = documents.filter((document) => isCluster(document, at, warnings))
  const [document, second] = clusters
  if (document === undefined)
    throw new ManifestError([
      `${fileName}: no ${KIND} in it; a smallest one is in examples/single-master.yaml`,
    ])
  if (second !== undefined)
    throw new ManifestError([`${at(startOf(second))}: a second ${KIND}; allowed: one per file`])
  return { cluster: judge(document, at, warnings), warnings }
}

function judge(document: Document.Parsed, at: (offset: number) => string, warnings: string[]): Cluster {
  const line = ({ path, text: problem }: Problem): string => {
    const place = at(offsetOf(document, path))
    return path.length === 0 ? `${place}: ${problem}` : `${place}: ${pathText(path)}: ${problem}`
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    throw new ManifestError([
      `${at(startOf(document))}: ${error instanceof Error ? error.message : String(error)}`,
    ])
  }
  const judged = validate(value)
  if (judged.problems.length > 0) throw new ManifestError(judged.problems.map(line))
  warnings.push(...judged.warnings.map(line))
  return withDefaults(judged.manifest)
}

/** True for what is, or was meant to be, a RocketCluster; other documents are named in a warning when they are ours. */
function isCluster(document: Document.Parsed, at: (offset: number) => string, warnings: string[]): boolean {
  if (!isMap(document.contents)) return true
  const kind = document.get('kind')
  const apiVersion = String(document.get('apiVersion') ?? '')
  if (kind === KIND || kind === undefined) return true
  const isOurs = apiVersion.startsWith(`${API_GROUP}/`)
  if (isOurs && !OTHER_KINDS.includes(String(kind))) return true
  const place = at(startOf(document))
  warnings.push(
    isOurs
      ? `${place}: ${kind} is not understood by this version yet, left out`
      : `${place}: ${kind} left out`,
  )
  return false
}

/** Nothing between two `---`. */
const isEmpty = ({ contents }: Document.Parsed): boolean =>
  contents === null || (isScalar(contents) && contents.value === null)

const startOf = (document: Document.Parsed): number => document.contents?.range?.[0] ?? document.range[0]

/** Where the deepest part of the path that exists is written. */
function offsetOf(document: Document.Parsed, path: Problem['path']): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const last = path[length - 1]
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => isScalar(key) && key.value === last)
      if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0]
    }
    const node = document.getIn(path.slice(0, length), true)
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return Number(node.range[0])
  }
  return startOf(document)
}
