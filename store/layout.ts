import { assert } from '../base/assert.ts'
import type { LogPosition } from '../base/units.ts'

/**
 * Where everything lies below the root of the store. All names but the side folder's are RocketMQ's, so that a Java broker
 * opens our folder and we open its; the side folder holds what RocketMQ has no place for.
 */
export const COMMIT_LOG_FOLDER = 'commitlog'
export const QUEUE_FOLDER = 'consumequeue'
export const INDEX_FOLDER = 'index'
export const CONFIG_FOLDER = 'config'
export const SIDE_FOLDER = 'rocketcluster'
export const SUMS_FOLDER = 'rocketcluster/sums'
export const QUARANTINE_FOLDER = 'rocketcluster/quarantine'
export const ABORT_FILE = 'abort'
export const CHECKPOINT_FILE = 'checkpoint'
export const LOCK_FILE = 'lock'

const NAME_DIGITS = 20
const TOPIC_BYTES_MAX = 127
const RETRY_TOPIC_BYTES_MAX = 255
const FILE_NAME_BYTES_MAX = 255

/** Log and queue files are named by the position of their first byte, 20 decimal digits. */
export const fileName = (position: number): string => String(position).padStart(NAME_DIGITS, '0')

/** The position in a file name; undefined for a name that is not ours or RocketMQ's. */
export function positionOf(name: string): number | undefined {
  if (!/^\d{20}$/.test(name)) return undefined
  const position = Number(name)
  return Number.isSafeInteger(position) ? position : undefined
}

export const segmentPath = (start: LogPosition): string => `${COMMIT_LOG_FOLDER}/${fileName(start)}`

/**
 * The folder of a topic. Injective, and equal to the plain name for every legal topic; any other name becomes `~` and the
 * hexadecimal of its bytes, which no legal name can be, so that a hostile one never leaves the store. Undefined when the
 * result is too long for a file system.
 */
export function topicFolder(topic: string): string | undefined {
  if (isLegalTopic(topic)) return topic
  const encoded = `~${Buffer.from(topic, 'utf8').toString('hex')}`
  return encoded.length <= FILE_NAME_BYTES_MAX ? encoded : undefined
}

/** The inverse; undefined for a folder that topicFolder never makes. */
export function topicOfFolder(folder: string): string | undefined {
  if (isLegalTopic(folder)) return folder
  if (!/^~([0-9a-f]{2})+$/.test(folder)) return undefined
  const topic = Buffer.from(folder.slice(1), 'hex').toString('utf8')
  return topicFolder(topic) === folder ? topic : undefined
}

const isLegalTopic = (name: string): boolean => /^[%|a-zA-Z0-9_-]{1,255}$/.test(name)

/** What the store takes: 127 bytes, retry topics 255 (HookUtils.checkBeforePutMessage of RocketMQ). */
export function isStorableTopic(topic: string): boolean {
  const bytes = Buffer.byteLength(topic)
  const limit = topic.startsWith('%RETRY%') ? RETRY_TOPIC_BYTES_MAX : TOPIC_BYTES_MAX
  return bytes > 0 && bytes <= limit && topicFolder(topic) !== undefined
}

export function queueFolder(topic: string, queueId: number): string {
  const folder = topicFolder(topic)
  assert(folder !== undefined, 'a queue exists only for a topic that has a folder')
  return `${QUEUE_FOLDER}/${folder}/${queueId}`
}
