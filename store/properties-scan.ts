/**
 * What the store itself reads in a property string: `name 0x01 value 0x02 …`. One pass without making strings, because
 * this runs for every message: ranges [start, end) of the values, start = -1 when absent. Empty values do not count and
 * the last copy of a name does, as for every reader of these names (message/properties.ts).
 */
export interface PropertyRanges {
  tagsStart: number
  tagsEnd: number
  keysStart: number
  keysEnd: number
  uniqueKeyStart: number
  uniqueKeyEnd: number
  delayStart: number
  delayEnd: number
}

export const newRanges = (): PropertyRanges => ({
  tagsStart: -1,
  tagsEnd: -1,
  keysStart: -1,
  keysEnd: -1,
  uniqueKeyStart: -1,
  uniqueKeyEnd: -1,
  delayStart: -1,
  delayEnd: -1,
})

const PAIR_END = '\u0002'
const NAME_END = 1
const LETTER_D = 68
const LETTER_K = 75
const LETTER_T = 84
const LETTER_U = 85

/** Fills `ranges` from `text`; what was in it is overwritten. */
export function scanProperties(text: string, ranges: PropertyRanges): void {
  ranges.tagsStart = -1
  ranges.keysStart = -1
  ranges.uniqueKeyStart = -1
  ranges.delayStart = -1
  let at = 0
  while (at < text.length) {
    let end = text.indexOf(PAIR_END, at)
    if (end < 0) end = text.length
    const letter = text.charCodeAt(at)
    if (letter === LETTER_T || letter === LETTER_K || letter === LETTER_U || letter === LETTER_D)
      noteProperty(text, at, end, letter, ranges)
    at = end + 1
  }
}

function noteProperty(text: string, at: number, end: number, letter: number, ranges: PropertyRanges): void {
  if (letter === LETTER_T) {
    if (!isNamed(text, at, end, 'TAGS')) return
    ranges.tagsStart = at + 5
    ranges.tagsEnd = end
  } else if (letter === LETTER_K) {
    if (!isNamed(text, at, end, 'KEYS')) return
    ranges.keysStart = at + 5
    ranges.keysEnd = end
  } else if (letter === LETTER_U) {
    if (!isNamed(text, at, end, 'UNIQ_KEY')) return
    ranges.uniqueKeyStart = at + 9
    ranges.uniqueKeyEnd = end
  } else {
    if (!isNamed(text, at, end, 'DELAY')) return
    ranges.delayStart = at + 6
    ranges.delayEnd = end
  }
}

const isNamed = (text: string, at: number, end: number, name: string): boolean =>
  at + name.length + 1 < end && text.charCodeAt(at + name.length) === NAME_END && text.startsWith(name, at)

/** Java's String.hashCode over the characters [start, end), going on from `hash`. */
export function hashRange(text: string, start: number, end: number, hash = 0): number {
  let result = hash
  for (let at = start; at < end; at++) result = (Math.imul(result, 31) + text.charCodeAt(at)) | 0
  return result
}
