import { crc32 } from '../base/crc32.ts'
import type { Disk } from './disk.ts'
import { datasync, syncFolder, writeAll } from './segments.ts'

const TEMP_SUFFIX = '.tmp'

/** The whole file, or undefined when there is none. Rejects with DiskError. */
export async function readWhole(disk: Disk, path: string): Promise<Buffer | undefined> {
  const entry = await disk.stat(path)
  if (entry === undefined || entry.isDirectory) return undefined
  const file = await disk.open(path)
  try {
    const bytes = Buffer.alloc(await file.size())
    const length = await file.read(bytes, 0, bytes.length, 0)
    return bytes.subarray(0, length)
  } finally {
    await file.close()
  }
}

/** Writes a file beside the old one, syncs it and puts it in the old one's place, durably. Rejects with DiskError. */
export async function replaceWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  await writeTemp(disk, path, bytes)
  await disk.rename(path + TEMP_SUFFIX, path)
  await syncFolder(disk, folderOf(path))
}

/** The same, but the old file lives on as `<path>.bak`, as RocketMQ keeps its JSON files. */
export async function replaceKeeping(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  await writeTemp(disk, path, bytes)
  if ((await disk.stat(path)) !== undefined) await disk.rename(path, `${path}.bak`)
  await disk.rename(path + TEMP_SUFFIX, path)
  await syncFolder(disk, folderOf(path))
}

async function writeTemp(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  // After a crash a leftover may be a second name of the file that it was renamed to: it is let go, never written to.
  await disk.unlink(path + TEMP_SUFFIX)
  const file = await disk.open(path + TEMP_SUFFIX, { create: true })
  try {
    await writeAll(file, [bytes], 0)
    await datasync(file)
  } finally {
    await file.close()
  }
}

const folderOf = (path: string): string => {
  const end = path.lastIndexOf('/')
  return end < 0 ? '.' : path.slice(0, end)
}

/*
 * A sealed text: a first line `rocketcluster <kind> <format> <crc32 of the rest, 8 hex digits>`, then JSON. People can read it,
 * damage shows.
 */

/** The newest form of the side files that this version writes and reads. */
export const FORMAT = 1

export function seal(kind: string, value: unknown): Buffer {
  const body = Buffer.from(
    typeof value === 'string' ? value : `${JSON.stringify(value, undefined, 2)}\n`,
    'utf8',
  )
  return Buffer.concat([Buffer.from(`rocketcluster ${kind} ${FORMAT} ${hex(crc32(body))}\n`, 'latin1'), body])
}

export type Unsealed =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'newer'; readonly format: number }
  | { readonly kind: 'damaged' }

export function unseal(kind: string, bytes: Buffer): Unsealed {
  const lineEnd = bytes.indexOf(0x0a)
  const line = /^rocketcluster ([a-z]+) (\d{1,9}) ([0-9a-f]{8})$/.exec(
    bytes.toString('latin1', 0, Math.max(0, lineEnd)),
  )
  if (line === null || line[1] !== kind) return { kind: 'damaged' }
  const body = bytes.subarray(lineEnd + 1)
  const format = Number(line[2])
  if (hex(crc32(body)) !== line[3]) return { kind: 'damaged' }
  if (format > FORMAT) return { kind: 'newer', format }
  try {
    return { kind: 'value', value: JSON.parse(body.toString('utf8')) }
  } catch {
    return { kind: 'damaged' }
  }
}

const hex = (value: number): string => value.toString(16).padStart(8, '0')
