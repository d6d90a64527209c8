/** Permission bits of topics and brokers, as PermName of RocketMQ. */
export const PERM_INHERIT = 1
export const PERM_WRITE = 2
export const PERM_READ = 4
export const PERM_READ_WRITE = PERM_READ | PERM_WRITE
/** Read, write, and topics made on first send may copy it. */
export const PERM_TEMPLATE = PERM_READ | PERM_WRITE | PERM_INHERIT
/** The highest value a topic may be given: the priority bit 8 has no meaning in any released version. */
export const PERM_MAX = 7

export const isReadable = (perm: number): boolean => (perm & PERM_READ) !== 0
export const isWritable = (perm: number): boolean => (perm & PERM_WRITE) !== 0
export const isInherited = (perm: number): boolean => (perm & PERM_INHERIT) !== 0
