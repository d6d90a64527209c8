import type { Random } from '../../base/clock.ts'

/** Chance that a seed repeats: splitmix32. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** A whole number in [0, limit). */
export const below = (random: Random, limit: number): number => Math.floor(random() * limit)

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[below(random, items.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

/** At most `count` of the items, in their order, each as likely as the others. */
export function sample<T>(random: Random, items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items
  const chosen: T[] = []
  for (const [index, item] of items.entries())
    if (random() < (count - chosen.length) / (items.length - index)) chosen.push(item)
  return chosen
}

export function randomBytes(random: Random, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at++) bytes[at] = below(random, 256)
  return bytes
}
