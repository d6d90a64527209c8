import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { logPosition, timestamp } from '../../base/units.ts'
import type { NewMessage } from '../../message/message.ts'
import type { Disk } from '../../store/disk.ts'
import { FileDisk } from '../../store/file-disk.ts'
import { openStore } from '../../store/message-store.ts'
import type { StoreParts } from '../../store/opening.ts'
import type { StoreOptions } from '../../store/options.ts'
import type { Store } from '../../store/store.ts'

export const HOST = Buffer.from([127, 0, 0, 1, 0, 0, 0x2a, 0x9f])

/** Small files, so that tests meet their ends. */
export const testOptions: StoreOptions = {
  clusterName: 'TestCluster',
  brokerName: 'broker-a',
  segmentSizeBytes: 64 * 1024,
  queueFileSizeBytes: 20 * 100,
  flush: 'ASYNC_FLUSH',
  flushIntervalMs: 500,
  syncFlushTimeoutMs: 5000,
  maxMessageSizeBytes: 32 * 1024,
  indexEnabled: true,
  indexSlots: 500,
  indexEntries: 200,
  retentionHours: 72,
  deleteWhenHours: [4],
  diskCleanRatio: 0.999,
  diskRefuseRatio: 1,
  deletesUnexpiredWhenFull: false,
  diskForceRatio: 1,
  delayLevelsMs: [1000, 5000, 10_000, 30_000],
  tailCacheBytes: 4 * 1024 * 1024,
  blockCacheBytes: 4 * 1024 * 1024,
  pendingBytesMax: 16 * 1024 * 1024,
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rocketcluster-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export const openTestStore = async (
  folder: string,
  parts: Partial<StoreParts> & { readonly options?: StoreOptions } = {},
): Promise<Store> => openOn(await FileDisk.open(folder), parts)

export const openOn = (disk: Disk, parts: Partial<StoreParts> = {}): Promise<Store> =>
  openStore({ disk, options: testOptions, tables: [], clock: systemClock, log: silentLog, ...parts })

export function message(overrides: Partial<NewMessage> = {}): NewMessage {
  return {
    topic: 'TopicTest',
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: timestamp(1_700_000_000_000),
    bornHost: HOST,
    storeHost: HOST,
    reconsumeTimes: 0,
    preparedTransactionOffset: logPosition(0),
    body: Buffer.from('hello'),
    properties: 'TAGS\u0001TagA\u0002KEYS\u0001key-1\u0002UNIQ_KEY\u00010A0A0A0A0001\u0002',
    ...overrides,
  }
}
