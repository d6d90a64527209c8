import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { QueueOffset } from '../base/units.ts'
import type { LoggedTable, Store } from '../store/store.ts'

/** Committed offsets: a state machine over the log, consumerOffset.json is its snapshot. */
export class OffsetTable implements LoggedTable {
  readonly name = 'offsets'
  readonly fileName = 'consumerOffset.json'

  constructor(_parts: { readonly log: Log; readonly clock: Clock }) {}
  attach(_store: Store): void {}
  get(_group: string, _topic: string, _queueId: number): QueueOffset | undefined {
    return undefined
  }
  /** Known at once, in the log within about a second (tick). `from` is the committer, for the log. */
  commit(_group: string, _topic: string, _queueId: number, _offset: QueueOffset, _from: string): void {}
  /** Resolves when this commit is as durable as a message. */
  async commitDurably(
    _group: string,
    _topic: string,
    _queueId: number,
    _offset: QueueOffset,
    _from: string,
  ): Promise<void> {}
  /** A reset from outside: the next pull of the queue is answered 21 with this offset. */
  async reset(_group: string, _topic: string, _queueId: number, _offset: QueueOffset): Promise<void> {}
  pendingReset(_group: string, _topic: string, _queueId: number): QueueOffset | undefined {
    return undefined
  }
  /** The pending reset, which is thereby done. */
  takeReset(_group: string, _topic: string, _queueId: number): QueueOffset | undefined {
    return undefined
  }
  /** Where the group's next pull starts (code 208). */
  pulled(_group: string, _topic: string, _queueId: number, _offset: QueueOffset): void {}
  pullOffset(_group: string, _topic: string, _queueId: number): QueueOffset | undefined {
    return undefined
  }
  groupsOf(_topic: string): string[] {
    return []
  }
  topicsOf(_group: string): string[] {
    return []
  }
  async deleteGroup(_group: string): Promise<void> {}
  async deleteTopic(_topic: string): Promise<void> {}
  tick(_nowMonotonicMs: number): void {}
  /** Everything that is known is in the log. At stop. */
  async flush(): Promise<void> {}
  apply(_change: unknown): boolean {
    return false
  }
  snapshot(): string {
    return ''
  }
  restore(_text: string): void {}
}
