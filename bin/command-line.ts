import { type ParseArgsConfig, parseArgs } from 'node:util'
import { didYouMean } from '../settings/nearest.ts'

/** The command line cannot be understood; the message is for its writer. Exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>

/** Options and the words between them. Throws UsageError, with the nearest name for an unknown option. */
export function parseOptions<const O extends Options>(args: readonly string[], options: O): Parsed<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const unknown = args.find((arg) => arg.startsWith('--') && !Object.hasOwn(options, nameOf(arg)))
    if (unknown !== undefined)
      throw new UsageError(`unknown option ${unknown}${didYouMean(nameOf(unknown), Object.keys(options))}`)
    // The first sentence says it; the rest is advice for programmers.
    throw new UsageError(error.message.split('. ')[0] ?? '')
  }
}

const nameOf = (option: string): string => option.slice(2).split('=')[0] ?? ''

export function oneOf<V extends string>(option: string, text: string, values: readonly V[]): V {
  const value = values.find((candidate) => candidate === text)
  if (value === undefined) throw new UsageError(`${option} ${text}; allowed: ${values.join(', ')}`)
  return value
}

export function wholeNumber(
  option: string,
  text: string,
  { min, max }: { min: number; max: number },
): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max))
    throw new UsageError(`${option} ${text}; allowed: a whole number from ${min} to ${max}`)
  return value
}
