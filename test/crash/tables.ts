import type { LoggedTable } from '../../store/store.ts'

/** A change that can tell whether all before it were applied, too. */
export interface NumberedChange {
  readonly seq: number
  readonly key: string
  readonly value: number
}

/**
 * The simplest table over the log that notices a change which was left out or applied twice: changes are numbered from 1, and
 * `last` is the number of the newest one that is in.
 */
export class NumberedTable implements LoggedTable {
  readonly name: string
  readonly fileName: string
  /** Changes may be applied before they are logged; a snapshot may then be ahead of the log. */
  readonly isAhead: boolean
  readonly values = new Map<string, number>()
  readonly problems: string[] = []
  last = 0

  constructor(name: string, isAhead: boolean) {
    this.name = name
    this.fileName = `${name}.json`
    this.isAhead = isAhead
  }

  apply(change: unknown): boolean {
    if (!isNumbered(change)) {
      this.problems.push(`not a change: ${JSON.stringify(change)}`)
      return false
    }
    if (change.seq > this.last + 1) this.problems.push(`change ${change.seq} came after ${this.last}`)
    if (change.seq <= this.last) {
      if (!this.isAhead) this.problems.push(`change ${change.seq} came again after ${this.last}`)
      return true
    }
    this.last = change.seq
    this.values.set(change.key, change.value)
    return true
  }

  snapshot(): string {
    return JSON.stringify({ last: this.last, values: Object.fromEntries(this.values) })
  }

  restore(text: string): void {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || !('last' in parsed) || !('values' in parsed))
      throw new Error('not a snapshot')
    if (typeof parsed.last !== 'number' || typeof parsed.values !== 'object' || parsed.values === null)
      throw new Error('not a snapshot')
    this.last = parsed.last
    this.values.clear()
    for (const [key, value] of Object.entries(parsed.values)) this.values.set(key, Number(value))
  }
}

function isNumbered(change: unknown): change is NumberedChange {
  return (
    typeof change === 'object' &&
    change !== null &&
    'seq' in change &&
    'key' in change &&
    'value' in change &&
    typeof change.seq === 'number' &&
    typeof change.key === 'string' &&
    typeof change.value === 'number'
  )
}
