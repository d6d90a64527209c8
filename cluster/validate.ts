import { didYouMean } from '../settings/nearest.ts'
import { checkConfig } from './config.ts'
import type { Field, ListField, ObjectField } from './field.ts'
import type { Problem } from './problem.ts'
import { API_VERSION, type ClusterSpec, clusterName, clusterSpec, KIND } from './schema.ts'

export interface Judged {
  /** What must be changed; with any of them the rest means nothing. */
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  readonly manifest: Manifest
}

/** A document that has been checked; defaults are not filled in. */
export interface Manifest {
  readonly name: string
  readonly spec: ClusterSpec
}

type Path = readonly (string | number)[]

/** Judges a parsed document: every problem of it, each with its path and what is allowed there. */
export function validate(document: unknown): Judged {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const root = isObject(document) ? document : {}
  if (!isObject(document))
    problems.push({ path: [], text: `a ${KIND} was expected, not ${nameOf(document)}` })
  else checkEnvelope(document, problems)
  const name = isObject(root.metadata) ? root.metadata.name : undefined
  if (root.spec !== undefined && root.spec !== null) checkField(clusterSpec, root.spec, ['spec'], problems)
  const spec = (isObject(root.spec) ? root.spec : {}) as ClusterSpec
  if (problems.length === 0) checkBetweenFields(spec, problems, warnings)
  return { problems, warnings, manifest: { name: String(name), spec } }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  return JSON.stringify(value)
}

function checkEnvelope(document: Record<string, unknown>, problems: Problem[]): void {
  if (document.apiVersion !== API_VERSION)
    problems.push({ path: ['apiVersion'], text: `${nameOf(document.apiVersion)}; allowed: ${API_VERSION}` })
  if (document.kind !== KIND)
    problems.push({ path: ['kind'], text: `${nameOf(document.kind)}; allowed: ${KIND}` })
  for (const key of Object.keys(document))
    if (!['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(key))
      problems.push({ path: [key], text: `unknown field${didYouMean(key, ['metadata', 'spec'])}` })
  const metadata = document.metadata
  if (isObject(metadata) && metadata.name !== undefined)
    checkField(clusterName, metadata.name, ['metadata', 'name'], problems)
  else problems.push({ path: ['metadata', 'name'], text: 'missing: the cluster needs a name' })
}

function checkField(field: Field, value: unknown, path: Path, problems: Problem[]): void {
  // As in Kubernetes, a field without a value is an absent one.
  if (value === null) return
  if (field.type === 'object') checkObject(field, value, path, problems)
  else if (field.type === 'list') checkList(field, value, path, problems)
  else {
    const problem = scalarProblem(field, value)
    if (problem !== undefined) problems.push({ path, text: problem })
  }
}

/** Maps are judged by their keys later; here it counts that they are flat. */
function scalarProblem(field: Exclude<Field, ObjectField | ListField>, value: unknown): string | undefined {
  switch (field.type) {
    case 'map':
      return isFlatMap(value) ? undefined : `${nameOf(value)}; allowed: keys with one value each`
    case 'integer': {
      const isFine =
        typeof value === 'number' && Number.isInteger(value) && value >= field.min && value <= field.max
      return isFine
        ? undefined
        : `${nameOf(value)}; allowed: a whole number from ${field.min} to ${field.max}`
    }
    case 'text': {
      // A size without a unit is a number in YAML.
      const text = typeof value === 'number' ? String(value) : value
      const isFine = typeof text === 'string' && text.length <= field.lengthMax && field.pattern.test(text)
      return isFine ? undefined : `${nameOf(value)}; allowed: ${field.allowed}`
    }
    case 'choice':
      return field.values.some((allowed) => allowed === value)
        ? undefined
        : `${nameOf(value)}; allowed: ${field.values.join(', ')}`
  }
}

const isFlatMap = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((item) => typeof item !== 'object' || item === null)

function checkObject(field: ObjectField, value: unknown, path: Path, problems: Problem[]): void {
  const names = Object.keys(field.fields)
  if (!isObject(value)) {
    problems.push({ path, text: `${nameOf(value)}; allowed: the fields ${names.join(', ')}` })
    return
  }
  for (const [name, item] of Object.entries(value)) {
    const inner = Object.hasOwn(field.fields, name) ? field.fields[name] : undefined
    if (inner === undefined)
      problems.push({
        path: [...path, name],
        text: `unknown field${didYouMean(name, names)}; allowed: ${names.join(', ')}`,
      })
    else checkField(inner, item, [...path, name], problems)
  }
  for (const name of field.required)
    if (value[name] === undefined || value[name] === null)
      problems.push({ path: [...path, name], text: 'missing' })
}

function checkList(field: ListField, value: unknown, path: Path, problems: Problem[]): void {
  if (!Array.isArray(value)) {
    problems.push({ path, text: `${nameOf(value)}; allowed: a list` })
    return
  }
  if (value.length > field.itemsMax)
    problems.push({ path, text: `${value.length} entries; allowed: at most ${field.itemsMax}` })
  const seen = new Set<unknown>()
  for (const [at, item] of value.entries()) {
    checkField(field.item, item ?? {}, [...path, at], problems)
    const { keyedBy } = field
    const key = keyedBy !== undefined && isObject(item) ? item[keyedBy] : item
    if (key !== undefined && seen.has(key))
      problems.push({ path: [...path, at], text: `${nameOf(key)} stands there twice` })
    seen.add(key)
  }
}

/** What a single field cannot see. Comes last, when every field for itself is right. */
function checkBetweenFields(spec: ClusterSpec, problems: Problem[], warnings: Problem[]): void {
  const brokers = spec.brokers ?? {}
  const path = ['spec', 'brokers']
  const names = groupNames(spec)
  if (brokers.groups !== undefined && (brokers.groupNames?.length ?? 0) > brokers.groups)
    problems.push({
      path: [...path, 'groups'],
      text: `${brokers.groups}, but groupNames names ${brokers.groupNames?.length}; allowed: at least as many groups as names`,
    })
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    problems.push({ path: [...path, 'groupNames'], text: `two groups would be called ${twice}` })
  checkConfig(brokers.config ?? {}, [...path, 'config'], problems, warnings)
  for (const [at, override] of (brokers.overrides ?? []).entries()) {
    const place = [...path, 'overrides', at]
    if (override.name !== undefined && !names.includes(override.name))
      problems.push({
        path: [...place, 'name'],
        text: `no group is called ${override.name}${didYouMean(override.name, names)}; allowed: ${names.join(', ')}`,
      })
    checkConfig(override.config ?? {}, [...place, 'config'], problems, warnings)
  }
}

/** brokerName of every group. */
export function groupNames(spec: ClusterSpec): readonly string[] {
  const given = spec.brokers?.groupNames ?? []
  const count = spec.brokers?.groups ?? Math.max(1, given.length)
  return Array.from({ length: count }, (_, at) => given[at] ?? `g${at + 1}`)
}
