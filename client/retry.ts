/**
 * What a failed send is worth trying again for. Codes: protocol §3, producer retry set: system error, busy, service not
 * available, no permission, topic not exist, no buyer id, not in current unit, go away.
 */
const RETRYABLE_CODES: ReadonlySet<number> = new Set([1, 2, 14, 16, 17, 204, 205, 1500])

export const isRetryableCode = (code: number): boolean => RETRYABLE_CODES.has(code)

/** Milliseconds before attempt `attempt` (1 = the first repetition): doubling from 10 ms, at most 1 s, half of it by chance. */
export function backOffMs(attempt: number, chance: number): number {
  const full = Math.min(1000, 10 * 2 ** (attempt - 1))
  return full / 2 + (full / 2) * chance
}
