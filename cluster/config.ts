import { brokerKeySet } from '../settings/broker.ts'
import { didYouMean } from '../settings/nearest.ts'
import { parseValue } from '../settings/value.ts'
import type { Problem } from './problem.ts'

/** Keys that follow from the rest of the manifest and the place where a broker runs, with the field to use instead. */
const OWNED: Readonly<Record<string, string>> = {
  brokerClusterName: 'spec.clusterName',
  brokerName: 'spec.brokers.groupNames',
  brokerId: 'given by the broker’s place in its group',
  brokerRole: 'spec.brokers.role',
  flushDiskType: 'spec.brokers.flush',
  namesrvAddr: 'given by the nameservers of the cluster',
  bindAddress: 'given by the place where the broker runs',
  brokerIP1: 'given by the place where the broker runs',
  brokerIP2: 'given by the place where the broker runs',
  listenPort: 'given by the place where the broker runs',
  haListenPort: 'given by the place where the broker runs',
  metricsPort: 'given by the place where the broker runs',
  metricsHost: 'given by the place where the broker runs',
  storePathRootDir: 'given by the place where the broker runs',
  storePathCommitLog: 'given by the place where the broker runs',
}

/**
 * Judges `config` of brokers: the keys of broker.conf. An unknown key is a warning and is left out; a value that is not
 * allowed is a problem, and so is a key that the manifest says elsewhere.
 */
export function checkConfig(
  config: Readonly<Record<string, unknown>>,
  path: Problem['path'],
  problems: Problem[],
  warnings: Problem[],
): void {
  for (const [name, value] of Object.entries(config)) {
    const place = [...path, name]
    const key = keyOf(name)
    const instead = key === undefined ? undefined : OWNED[key.name]
    if (instead !== undefined) problems.push({ path: place, text: `cannot be set here: ${instead}` })
    else if (key !== undefined) {
      const { problem } = parseValue(key.spec, configText(name, value))
      if (problem !== undefined) problems.push({ path: place, text: problem })
    } else judgeIgnored(name, value, place, problems, warnings)
  }
}

function judgeIgnored(
  name: string,
  value: unknown,
  path: Problem['path'],
  problems: Problem[],
  warnings: Problem[],
): void {
  const known = brokerKeySet.ignored.get(name)
  if (known === undefined) {
    const names = [...Object.keys(brokerKeySet.keys), ...brokerKeySet.ignored.keys()]
    warnings.push({ path, text: `unknown key, it has no effect${didYouMean(name, names)}` })
    return
  }
  if (known.whenSet === 'silent' || String(value).toLowerCase() === known.default.toLowerCase()) return
  const list = known.whenSet === 'refused' ? problems : warnings
  list.push({ path, text: `no effect: ${known.reason}` })
}

/** The key of this name or of this other spelling. */
function keyOf(
  name: string,
): { name: string; spec: (typeof brokerKeySet.keys)[keyof typeof brokerKeySet.keys] } | undefined {
  for (const [own, spec] of Object.entries(brokerKeySet.keys))
    if (own === name || spec.aliases.includes(name)) return { name: own, spec }
  return undefined
}

const FACTORS: Readonly<Record<string, number>> = {
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
}

/** A quantity as Kubernetes writes it, in bytes; undefined when the text is none. */
export function quantityBytes(text: string): number | undefined {
  const match = /^(\d{1,15})(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/.exec(text.trim())
  return match === null ? undefined : Number(match[1]) * (FACTORS[match[2] ?? ''] ?? 1)
}

/** The value as a properties file has it: sizes in plain bytes. */
export function configText(name: string, value: unknown): string {
  const text = String(value ?? '')
  if (keyOf(name)?.spec.unit !== 'bytes') return text
  const bytes = quantityBytes(text)
  return bytes === undefined ? text : String(bytes)
}

/** The keys of `config` that have an effect, under their own names. */
export function knownConfig(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const known: Record<string, string> = {}
  for (const [name, value] of Object.entries(config)) {
    const key = keyOf(name)
    if (key !== undefined && value !== null) known[key.name] = configText(name, value)
  }
  return known
}
