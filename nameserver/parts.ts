import type { Clock } from '../base/clock.ts'
import type { Log, LogFields } from '../base/log.ts'
import type { Peer } from '../remoting/peer.ts'
import type { NameserverSettings } from '../settings/nameserver.ts'
import type { KvConfig } from './kv-config.ts'
import type { NameserverLimits } from './limits.ts'
import type { RouteAnswers } from './route-answer.ts'
import type { RouteTable, SmallestIdChange } from './routes.ts'
import type { TopicLists } from './topic-lists.ts'

/** Keeps changed settings, key → text, for the next start; rejects when it cannot. */
export type StoreSettings = (changed: ReadonlyMap<string, string>) => Promise<void>

export type RegistrationOutcome = 'applied' | 'unchanged' | 'refused'

/** What handlers get instead of the nameserver: the tables and nothing that starts or stops. */
export interface NameserverParts {
  /** Changes while the nameserver runs (318): to be read anew each time. */
  readonly settings: NameserverSettings
  readonly storeSettings: StoreSettings
  readonly routes: RouteTable
  readonly answers: RouteAnswers
  readonly topicLists: TopicLists
  readonly kv: KvConfig
  readonly limits: NameserverLimits
  readonly clock: Clock
  /** By the clock's monotonicMs. */
  readonly startedAtMs: number
  readonly log: Log
  /** How long a route took, from the decoded request to the answer. */
  routeServed(ms: number): void
  /** A registration was applied, found unchanged without reading its topics, or refused. */
  registrationServed(outcome: RegistrationOutcome): void
  /** When this connection closes, the brokers that registered on it are gone. */
  watch(peer: Peer): void
  /** Logs a warning, but only the first one about this connection. */
  complainOnce(peer: Peer, event: string, fields: LogFields): void
  /** Tells the members of groups that their smallest id changed, where the settings want that (905). */
  tellSmallestIds(changes: readonly SmallestIdChange[]): void
}
