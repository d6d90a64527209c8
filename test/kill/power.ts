import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file system that can lose its power: ext4 on a loop device, shut down without flushing its journal. */
export interface PowerDisk {
  readonly mountPoint: string
  /** Everything that was not synced is gone from now on; every access fails until `restore`. */
  cut(): void
  /** Mounts again: the journal is replayed as after a power cut. The processes that had files open must be gone. */
  restore(): void
  remove(): void
}

const IMAGE_MIB = 256
/** _IOR('X', 125, __u32) of the kernel; 2 = without flushing the log. */
const SHUTDOWN_SOURCE = `
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
int main(int argc, char **argv) {
  uint32_t how = 2;
  int folder = open(argv[1], O_RDONLY);
  if (argc < 2 || folder < 0 || ioctl(folder, _IOR('X', 125, uint32_t), &how) != 0) { perror("shutdown"); return 1; }
  return 0;
}
`
/** The control: a libc whose syncs do nothing. */
const NO_SYNC_SOURCE = `
int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int sync_file_range(int fd, long a, long b, unsigned c) { (void)fd; (void)a; (void)b; (void)c; return 0; }
`

const quietly = (command: string, args: readonly string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()

/** Why power cuts cannot be played here; undefined when they can. */
export function powerProblem(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root for loop devices'
  for (const tool of ['cc', 'mkfs.ext4', 'losetup', 'mount'])
    try {
      quietly('sh', ['-c', `command -v ${tool}`])
    } catch {
      return `needs ${tool}`
    }
  return undefined
}

/** Compiles a few lines of C into the folder. */
function compile(folder: string, name: string, source: string, flags: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(`${path}.c`, source)
  quietly('cc', ['-O1', '-o', path, ...flags, `${path}.c`])
  return path
}

export const makeNoSync = (folder: string): string =>
  compile(folder, 'no-sync.so', NO_SYNC_SOURCE, ['-shared', '-fPIC'])

/** Throws when the machine does not allow it after all (containers). */
export function makePowerDisk(folder: string): PowerDisk {
  const shutdown = compile(folder, 'shutdown', SHUTDOWN_SOURCE, [])
  const image = join(folder, 'disk.img')
  const mountPoint = join(folder, 'disk')
  mkdirSync(mountPoint, { recursive: true })
  quietly('truncate', ['-s', `${IMAGE_MIB}M`, image])
  quietly('mkfs.ext4', ['-q', '-F', image])
  const device = quietly('losetup', ['--show', '-f', image])
  const mount = (): void => {
    quietly('mount', ['-t', 'ext4', '-o', 'data=ordered', device, mountPoint])
  }
  const unmount = (): void => {
    quietly('umount', [mountPoint])
  }
  try {
    mount()
  } catch (error) {
    quietly('losetup', ['-d', device])
    throw error
  }
  return {
    mountPoint,
    cut: () => {
      quietly(shutdown, [mountPoint])
    },
    restore: () => {
      unmount()
      mount()
    },
    remove: () => {
      try {
        unmount()
      } finally {
        quietly('losetup', ['-d', device])
      }
    },
  }
}
