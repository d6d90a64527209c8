/** Counts and rates for people and tools. Plain numbers on the hot path. */
export class BrokerStats {
  /** `count` messages of `bytes` in all were stored; `elapsedMs` from request to stored. */
  put(_topic: string, _count: number, _bytes: number, _elapsedMs: number): void {}
  putFailed(): void {}
  /** A pull of this group found messages. */
  get(_group: string, _topic: string, _count: number, _bytes: number): void {}
  /** A pull found nothing. */
  getMiss(): void {}
  tick(_now: number): void {}
}
