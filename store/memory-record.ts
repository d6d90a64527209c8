import type { Change } from './memory-tree.ts'

export type OperationKind =
  | 'open'
  | 'list'
  | 'stat'
  | 'rename'
  | 'unlink'
  | 'makeDirectory'
  | 'removeDirectory'
  | 'syncDirectory'
  | 'space'
  | 'lock'
  | 'write'
  | 'read'
  | 'datasync'
  | 'truncate'
  | 'size'
  | 'close'

export interface Operation {
  readonly kind: OperationKind
  readonly path: string
}

/**
 * One line of the record, in the order in which operations took effect. `changes` are in the tree but may be lost, each on
 * its own, until a `sync` of their file or folder that was issued after them; `issuedAt` is the length of the record when
 * the sync was issued, and a sync that failed vouches for nothing. A `mark` is whatever the test wants to remember.
 */
export type RecordEntry =
  | {
      readonly kind: 'changes'
      readonly operation: Operation
      readonly changes: readonly Change[]
      /** Modification time that they gave. */
      readonly atMs: number
    }
  | {
      readonly kind: 'sync'
      readonly operation: Operation
      readonly node: number
      readonly issuedAt: number
      readonly isFailed: boolean
    }
  | { readonly kind: 'mark'; readonly value: unknown }

/** Makes operations fail: those of `kind` (and path), counted from 1 when the fault is set. */
export interface Fault {
  readonly kind: OperationKind
  readonly matches?: (path: string) => boolean
  readonly ordinal: number
  /** How many in a row; 1 unless given, Infinity for a disk that stays broken. */
  readonly count?: number
  readonly code: 'EIO' | 'ENOSPC' | 'EACCES' | 'EROFS' | 'EMFILE'
  /** Of a failing write: so many bytes still reach the file (a short write). */
  readonly writtenBytes?: number
}

/** Decides for each operation of a memory disk whether it fails. */
export class FaultPlan {
  readonly #faults: { readonly fault: Fault; seen: number }[] = []
  readonly #counts = new Map<OperationKind, number>()

  add(fault: Fault): void {
    this.#faults.push({ fault, seen: 0 })
  }

  clear(): void {
    this.#faults.length = 0
  }

  count(kind: OperationKind): number {
    return this.#counts.get(kind) ?? 0
  }

  /** Counts the operation; the first fault that is due for it. */
  next(operation: Operation): Fault | undefined {
    this.#counts.set(operation.kind, this.count(operation.kind) + 1)
    let due: Fault | undefined
    for (const item of this.#faults) {
      const { fault } = item
      if (fault.kind !== operation.kind || fault.matches?.(operation.path) === false) continue
      item.seen++
      if (item.seen >= fault.ordinal && item.seen < fault.ordinal + (fault.count ?? 1)) due ??= fault
    }
    return due
  }
}
