import type { Clock, Random } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Timestamp } from '../base/units.ts'
import type { HostBytes } from '../message/message.ts'
import type { BrokerSettings } from '../settings/broker.ts'
import type { Disk } from '../store/disk.ts'
import type { Store } from '../store/store.ts'
import type { ClientTable } from './clients.ts'
import type { GroupTable } from './groups.ts'
import type { LiveSettings } from './live-settings.ts'
import type { LongPolls } from './long-poll.ts'
import type { OffsetTable } from './offsets.ts'
import type { QueueLocks } from './queue-locks.ts'
import type { Schedule } from './schedule.ts'
import type { BrokerStats } from './stats.ts'
import type { TopicTable } from './topics.ts'

/**
 * The narrow record that handlers get instead of the broker: the tables and nothing that starts or stops. A handler names
 * what it uses: `(request, { topics, store }: Pick<BrokerParts, 'topics' | 'store'>)`.
 */
export interface BrokerParts {
  readonly settings: BrokerSettings
  /** The same as administrators see and change them. */
  readonly liveSettings: LiveSettings
  readonly store: Store
  /** For what the store does not tell: the space of its file system. */
  readonly disk: Pick<Disk, 'space'>
  readonly topics: TopicTable
  readonly groups: GroupTable
  readonly offsets: OffsetTable
  readonly clients: ClientTable
  readonly queueLocks: QueueLocks
  readonly longPolls: LongPolls
  readonly schedule: Schedule
  readonly stats: BrokerStats
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Advertised address, as records and offset message ids carry it. */
  readonly storeHost: HostBytes
  readonly startedAt: Timestamp
  /** Tell all nameservers now that the topic table changed; resolves when each answered or its time was up. */
  register(): Promise<void>
}
