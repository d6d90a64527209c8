import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const LISTEN = '0A'

/**
 * Who listens on a TCP port, as far as Linux tells: `java (pid 4711)`. Undefined elsewhere, and for processes of other users.
 */
export function portOwner(port: number): string | undefined {
  try {
    const inodes = listeningInodes(port)
    return inodes.size === 0 ? undefined : ownerOf(inodes)
  } catch {
    return undefined
  }
}

/** Socket inodes from /proc/net/tcp and tcp6: `sl local_address rem_address st … inode`. */
function listeningInodes(port: number): Set<string> {
  const inodes = new Set<string>()
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of linesOf(file)) {
      const fields = line.trim().split(/\s+/)
      if (fields[3] === LISTEN && fields[1]?.endsWith(`:${hexPort}`)) inodes.add(fields[9] ?? '')
    }
  }
  return inodes
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}

function ownerOf(inodes: ReadonlySet<string>): string | undefined {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
        if (inode !== undefined && inodes.has(inode))
          return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`
      }
    } catch {
      // Not ours to see, or gone meanwhile.
    }
  }
  return undefined
}
