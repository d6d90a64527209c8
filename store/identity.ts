import { type LogPosition, logPosition } from '../base/units.ts'
import type { Disk } from './disk.ts'
import { SIDE_FOLDER } from './layout.ts'
import { FORMAT, readWhole, replaceWhole, seal, unseal } from './side-file.ts'
import { StoreError } from './store.ts'

/*
 * rocketcluster/identity: whose store this is, a sealed text {uid, cluster, broker}. Its presence says that the store was set up
 * completely, so a log that is missing was lost.
 *
 * rocketcluster/epochs: a sealed text [{epoch, start}], which epoch begins where in the log (design D10). One for now.
 */
const IDENTITY_FILE = `${SIDE_FOLDER}/identity`
const EPOCHS_FILE = `${SIDE_FOLDER}/epochs`

export interface Identity {
  readonly uid: string
  readonly cluster: string
  readonly broker: string
}

export interface Epoch {
  readonly epoch: number
  readonly start: LogPosition
}

export const FIRST_EPOCH = 1

/** Undefined when the folder has none: a new store, or one that only RocketMQ used. Throws StoreError 'corrupt' for a damaged one. */
export async function readIdentity(disk: Disk): Promise<Identity | undefined> {
  const value = await readSealed(disk, 'identity', IDENTITY_FILE)
  if (value === undefined) return undefined
  const { uid, cluster, broker } = (value ?? {}) as Partial<Record<keyof Identity, unknown>>
  if (typeof uid !== 'string' || typeof cluster !== 'string' || typeof broker !== 'string')
    throw damaged(IDENTITY_FILE)
  return { uid, cluster, broker }
}

export const hasIdentity = async (disk: Disk): Promise<boolean> =>
  (await disk.stat(IDENTITY_FILE)) !== undefined

/** Throws StoreError 'corrupt' when the folder belongs to another broker. */
export function checkIdentity(found: Identity, cluster: string, broker: string): void {
  if (found.cluster === cluster && found.broker === broker) return
  throw new StoreError(
    'corrupt',
    `this data folder belongs to broker ${found.broker} of cluster ${found.cluster}, but this is broker ${broker} of cluster ` +
      `${cluster}: mount the right folder or set brokerName and brokerClusterName to those of the folder`,
  )
}

export const writeIdentity = (disk: Disk, identity: Identity): Promise<void> =>
  replaceWhole(disk, IDENTITY_FILE, seal('identity', identity))

/** The epochs of the log, oldest first; undefined when there is no file. */
export async function readEpochs(disk: Disk): Promise<readonly Epoch[] | undefined> {
  const value = await readSealed(disk, 'epochs', EPOCHS_FILE)
  if (value === undefined) return undefined
  if (!Array.isArray(value) || value.length === 0) throw damaged(EPOCHS_FILE)
  return value.map((entry: unknown) => {
    const { epoch, start } = (entry ?? {}) as Partial<Record<keyof Epoch, unknown>>
    if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(start)) throw damaged(EPOCHS_FILE)
    return { epoch: Number(epoch), start: logPosition(Number(start)) }
  })
}

export const writeEpochs = (disk: Disk, epochs: readonly Epoch[]): Promise<void> =>
  replaceWhole(disk, EPOCHS_FILE, seal('epochs', epochs))

async function readSealed(disk: Disk, kind: string, path: string): Promise<unknown> {
  const bytes = await readWhole(disk, path)
  if (bytes === undefined) return undefined
  const found = unseal(kind, bytes)
  if (found.kind === 'newer')
    throw new StoreError(
      'corrupt',
      `${path} has format ${found.format}, this version of RocketCluster knows up to ${FORMAT}: start the newer version again`,
    )
  if (found.kind === 'damaged' || found.value === null) throw damaged(path)
  return found.value
}

const damaged = (path: string): StoreError =>
  new StoreError(
    'corrupt',
    `${path} is damaged: its checksum does not fit. It says whose log this is, so nothing is started; restore the file from a copy`,
  )
