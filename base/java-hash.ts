/** Java's String.hashCode: 32 bits, signed, over UTF-16 units. */
export function javaHash(text: string): number {
  let hash = 0
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return hash
}

/** The same over the ASCII bytes [start, end) of a buffer, going on from `hash`. */
export function javaHashAscii(bytes: Uint8Array, start: number, end: number, hash = 0): number {
  let result = hash
  for (let at = start; at < end; at++) result = (Math.imul(result, 31) + (bytes[at] ?? 0)) | 0
  return result
}
