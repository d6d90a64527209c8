import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { NewMessage } from '../message/message.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import type { LoggedTable, Store } from '../store/store.ts'

/** Delay levels: messages wait in SCHEDULE_TOPIC_XXXX, one queue a level. delayOffset.json is the snapshot of its progress. */
export class Schedule implements LoggedTable {
  readonly name = 'schedule'
  readonly fileName = 'delayOffset.json'

  constructor(_parts: { readonly settings: BrokerSettings; readonly log: Log; readonly clock: Clock }) {}
  attach(_store: Store): void {}
  /** The copy that waits: level at least 1, too large ones become the largest. */
  toDelayed(message: NewMessage, _level: number): NewMessage {
    return message
  }
  /** Begins to deliver what is due. `now` is the wall clock. */
  tick(_now: number): void {}
  /** Resolves when nothing is under way any more; nothing begins again. */
  async stop(): Promise<void> {}
  apply(_change: unknown): boolean {
    return false
  }
  snapshot(): string {
    return ''
  }
  restore(_text: string): void {}
}
