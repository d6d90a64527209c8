import type { HostBytes } from './message.ts'

const PORT_BYTES = 4
const IPV4_BYTES = 4
const IPV6_BYTES = 16

/** True when a record that carries this host needs the IPv6 bit. */
export const isIpv6Host = (host: HostBytes): boolean => host.length === IPV6_BYTES + PORT_BYTES

/**
 * The bytes of an address literal and a port, or undefined when it is no IP address (a name, a zone). IPv4 in IPv6
 * (`::ffff:10.0.0.1`), as dual-stack sockets report it, becomes IPv4.
 */
export function hostBytes(ip: string, port: number): HostBytes | undefined {
  const address = ip.includes(':') ? parseIpv6(ip) : parseIpv4(ip)
  if (address === undefined) return undefined
  const isMapped =
    address.length === IPV6_BYTES &&
    address.subarray(0, 10).every((byte) => byte === 0) &&
    address[10] === 0xff &&
    address[11] === 0xff
  const bytes = isMapped ? address.subarray(12) : address
  const host = Buffer.alloc(bytes.length + PORT_BYTES)
  host.set(bytes)
  host.writeInt32BE(port, bytes.length)
  return host
}

function parseIpv4(text: string): Buffer | undefined {
  const parts = text.split('.')
  if (parts.length !== IPV4_BYTES) return undefined
  const bytes = Buffer.alloc(IPV4_BYTES)
  for (const [index, part] of parts.entries()) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined
    bytes[index] = Number(part)
  }
  return bytes
}

function parseIpv6(text: string): Buffer | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = ipv6Groups(halves[0] ?? '')
  const tail = halves.length === 2 ? ipv6Groups(halves[1] ?? '') : []
  if (head === undefined || tail === undefined) return undefined
  const missing = IPV6_BYTES - head.length - tail.length
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined
  return Buffer.from([...head, ...new Array<number>(missing).fill(0), ...tail])
}

function ipv6Groups(text: string): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (group.includes('.') && index === groups.length - 1) {
      const ipv4 = parseIpv4(group)
      if (ipv4 === undefined) return undefined
      bytes.push(...ipv4)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    }
  }
  return bytes
}

/** `10.0.0.1` or `2001:db8:0:0:0:0:0:1`, as Java prints it. */
export function hostIp(host: HostBytes): string {
  if (!isIpv6Host(host)) return `${host[0]}.${host[1]}.${host[2]}.${host[3]}`
  const groups: string[] = []
  for (let at = 0; at < IPV6_BYTES; at += 2)
    groups.push((((host[at] ?? 0) << 8) | (host[at + 1] ?? 0)).toString(16))
  return groups.join(':')
}

export function hostPort(host: HostBytes): number {
  const at = host.length - PORT_BYTES
  return (
    ((host[at] ?? 0) << 24) | ((host[at + 1] ?? 0) << 16) | ((host[at + 2] ?? 0) << 8) | (host[at + 3] ?? 0)
  )
}

/** `10.0.0.1:10911`, `[2001:db8::1]:10911` with all groups written out. */
export const hostText = (host: HostBytes): string =>
  isIpv6Host(host) ? `[${hostIp(host)}]:${hostPort(host)}` : `${hostIp(host)}:${hostPort(host)}`
