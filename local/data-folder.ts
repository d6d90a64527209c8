import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Server } from './layout.ts'

const OWNER_FILE = 'up.pid'

/** The folder belongs to another running `rocketcluster up`. */
export class FolderTakenError extends Error {
  override name = 'FolderTakenError'
}

/** The folder of one local cluster, taken for this process until `release`. */
export class DataFolder {
  readonly path: string
  /** It holds data of an earlier run. */
  readonly isOld: boolean

  private constructor(path: string, isOld: boolean) {
    this.path = path
    this.isOld = isOld
  }

  /** Makes and takes the folder; an owner that is gone, for instance by kill -9, does not count. Throws FolderTakenError. */
  static take(path: string): DataFolder {
    const isOld = existsSync(join(path, 'logs'))
    mkdirSync(path, { recursive: true })
    const file = join(path, OWNER_FILE)
    for (let attempt = 0; ; attempt++) {
      try {
        const descriptor = openSync(file, 'wx')
        writeSync(descriptor, `${process.pid}\n`)
        closeSync(descriptor)
        return new DataFolder(path, isOld)
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
        const owner = Number.parseInt(readFileSync(file, 'utf8'), 10)
        if (attempt > 0 || isUp(owner))
          throw new FolderTakenError(`${path} is in use by another rocketcluster up (pid ${owner})`)
        rmSync(file, { force: true })
      }
    }
  }

  get logs(): string {
    return join(this.path, 'logs')
  }

  /** What the servers read at their start. */
  write(servers: readonly Server[]): void {
    for (const { folder, configFile, configText } of servers) {
      mkdirSync(folder, { recursive: true })
      writeFileSync(configFile, configText)
    }
  }

  release(): void {
    rmSync(join(this.path, OWNER_FILE), { force: true })
  }
}

/** A process id may have gone to somebody else meanwhile, which its command line tells where there is a /proc. */
function isUp(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('rocketcluster')
  } catch {
    return true
  }
}
