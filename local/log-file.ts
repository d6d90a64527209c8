import { closeSync, copyFileSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'

const SIZE_MAX_BYTES = 16 * 1024 * 1024
const TAIL_SIZE_BYTES = 64 * 1024

/**
 * What a child process prints, in a file that it writes itself: its lines are there also when this process is gone. Two
 * files of at most about 16 MiB are kept, `x.log` and the older `x.log.1`.
 */
export class LogFile {
  readonly path: string
  /** To be handed to the child as its output. */
  readonly descriptor: number

  constructor(path: string) {
    this.path = path
    mkdirSync(dirname(path), { recursive: true })
    // Appending, so that a cut from outside does not leave a hole in front of the next line.
    this.descriptor = openSync(path, 'a+', 0o644)
  }

  /** Puts a file that grew too long aside. A line that is written in the same moment may be lost. */
  tick(): void {
    if (fstatSync(this.descriptor).size < SIZE_MAX_BYTES) return
    copyFileSync(this.path, `${this.path}.1`)
    ftruncateSync(this.descriptor, 0)
  }

  get sizeBytes(): number {
    return fstatSync(this.descriptor).size
  }

  /** The last lines behind a position, the newest last. */
  lastLines(count: number, fromBytes = 0): readonly string[] {
    const { sizeBytes } = this
    const start = Math.max(Math.min(fromBytes, sizeBytes), sizeBytes - TAIL_SIZE_BYTES)
    const bytes = Buffer.alloc(sizeBytes - start)
    const length = readSync(this.descriptor, bytes, 0, bytes.length, start)
    return bytes
      .toString('utf8', 0, length)
      .split('\n')
      .filter((line) => line !== '')
      .slice(-count)
  }

  close(): void {
    closeSync(this.descriptor)
  }
}
