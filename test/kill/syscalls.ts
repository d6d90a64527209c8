import { execFileSync } from 'node:child_process'

/** One system call of the broker that fails: the when-th in each thread, by strace. */
export interface SyscallFault {
  readonly name: string
  readonly calls: string
  readonly inject: string
  readonly when: number
}

const KINDS: readonly { readonly name: string; readonly calls: string; readonly inject: string }[] = [
  { name: 'fdatasync EIO', calls: 'fdatasync', inject: 'error=EIO' },
  { name: 'write ENOSPC', calls: 'pwrite64,pwritev', inject: 'error=ENOSPC' },
  { name: 'write EIO', calls: 'pwrite64,pwritev', inject: 'error=EIO' },
  { name: 'fdatasync SIGKILL', calls: 'fdatasync', inject: 'signal=KILL' },
  { name: 'write SIGKILL', calls: 'pwrite64,pwritev', inject: 'signal=KILL' },
  { name: 'rename EIO', calls: 'rename,renameat,renameat2', inject: 'error=EIO' },
  { name: 'fsync EIO', calls: 'fsync', inject: 'error=EIO' },
  { name: 'ftruncate ENOSPC', calls: 'ftruncate', inject: 'error=ENOSPC' },
]

/** Ordinals are spread: the first few calls of a start one by one, then in growing steps through the load. */
export function syscallFaults(count: number): readonly SyscallFault[] {
  const faults: SyscallFault[] = []
  for (let round = 0; faults.length < count; round++)
    for (const kind of KINDS) {
      const isRare =
        kind.name.startsWith('rename') || kind.name.startsWith('fsync') || kind.name.startsWith('ftruncate')
      const when = isRare ? 1 + round : 1 + Math.floor(round * (round + 3) * 2)
      if (faults.length < count) faults.push({ ...kind, when })
    }
  return faults
}

/** The command in front of the broker. One worker thread, because strace counts per thread. */
export const straceArgs = ({ calls, inject, when }: SyscallFault): readonly string[] => [
  'strace',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  `trace=${calls}`,
  '-e',
  `inject=${calls}:${inject}:when=${when}`,
]

/** Why it cannot be done here; undefined when it can. Installs strace where that is possible. */
export function straceProblem(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  const run = (command: string): void => {
    execFileSync('sh', ['-c', command], { stdio: 'ignore' })
  }
  try {
    run('command -v strace')
  } catch {
    try {
      run('apt-get install -y -qq strace || (apt-get update -qq && apt-get install -y -qq strace)')
    } catch {
      return 'needs strace, which is not here and could not be installed'
    }
  }
  try {
    run('strace -qq -o /dev/null true')
  } catch {
    return 'strace may not trace here'
  }
  return undefined
}
