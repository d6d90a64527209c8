/** One queue of a topic on one broker group. */
export interface MessageQueue {
  readonly topic: string
  readonly brokerName: string
  readonly queueId: number
}

/** A message to send. */
export interface OutgoingMessage {
  readonly topic: string
  /** A string is sent as UTF-8. At most 4 MiB by default of the broker. */
  readonly body: Uint8Array | string
  /** One tag, what consumers filter by. */
  readonly tags?: string
  /** Keys to find the message by; no spaces inside one key. */
  readonly keys?: string | readonly string[]
  /** User properties; names that RocketMQ reserves are refused. */
  readonly properties?: Readonly<Record<string, string>>
  /** 1–18: deliver after the broker's delay of that level (1 s … 2 h). */
  readonly delayLevel?: number
  /** Messages with the same key go to the same queue, in order of their sends. */
  readonly shardingKey?: string
  /** The user's 32-bit flag. */
  readonly flag?: number
  /** False: do not wait for flush or replicas. Default true. */
  readonly waitForStore?: boolean
}

export type SendStatus = 'SEND_OK' | 'FLUSH_DISK_TIMEOUT' | 'FLUSH_SLAVE_TIMEOUT' | 'SLAVE_NOT_AVAILABLE'

/** What a broker said of a send. Anything but SEND_OK means: stored, but not yet as safely as the broker's mode promises. */
export interface SendResult {
  readonly status: SendStatus
  /** The unique id made by this client; tools call it msgId. */
  readonly messageId: string
  /** Where the message lies: broker address and log position; empty for one-way sends. */
  readonly offsetMessageId: string
  readonly queue: MessageQueue
  readonly queueOffset: number
}

/** A message as a consumer gets it. */
export interface ReceivedMessage {
  readonly topic: string
  readonly queue: MessageQueue
  readonly queueOffset: number
  /** The unique id of the producer when it set one, else the offset message id. */
  readonly messageId: string
  readonly offsetMessageId: string
  /** Uncompressed; as stored when that failed. */
  readonly body: Buffer
  /** Why the body could not be uncompressed, else undefined. */
  readonly bodyProblem: string | undefined
  readonly tags: string | undefined
  readonly keys: readonly string[]
  readonly properties: Readonly<Record<string, string>>
  readonly flag: number
  /** How often it was delivered before. */
  readonly reconsumeTimes: number
  readonly bornTimestamp: number
  readonly storeTimestamp: number
  /** Position in the broker's log; a failed message is sent back by it. */
  readonly logPosition: number
}

export type MessageModel = 'clustering' | 'broadcasting'

/** Where a group starts on a queue that it has no offset for. */
export type StartFrom = 'first' | 'last' | { readonly timestamp: number }
