/**
 * What a peer can make the nameserver hold. Each limit is far above what RocketMQ clusters of the largest known size
 * need, and low enough that reaching all of them does not exhaust a small pod.
 */
export interface NameserverLimits {
  /** Topics of one broker group; the broker's own limit is the same. */
  readonly topicsPerGroupMax: number
  /** Distinct topic names of all groups together. */
  readonly topicsMax: number
  /** Broker groups, and addresses of all of them together. */
  readonly brokersMax: number
  /** Characters of a topic name: the longest legal one is a pop retry topic, `%RETRY%group_topic`, with 255. */
  readonly topicNameLengthMax: number
  /** Characters of a cluster name, broker name, address or zone. */
  readonly nameLengthMax: number
  /** Bytes that a compressed registration may inflate to: no more than a plain one may have. */
  readonly inflatedBytesMax: number
  /** Entries of the KV configuration over all namespaces. */
  readonly kvEntriesMax: number
  /** Characters of a namespace and of a key. */
  readonly kvKeyLengthMax: number
  /** Characters of a value: an ordered topic over a thousand broker groups fits. */
  readonly kvValueLengthMax: number
  /** Characters of all namespaces, keys and values together, which are rewritten as one file at each change. */
  readonly kvTotalLengthMax: number
  /** Bytes of route answers that are kept ready to be sent. */
  readonly answerCacheBytesMax: number
}

export const nameserverLimits: NameserverLimits = {
  topicsPerGroupMax: 100_000,
  topicsMax: 1_000_000,
  brokersMax: 4096,
  topicNameLengthMax: 255,
  nameLengthMax: 255,
  inflatedBytesMax: 16 * 1024 * 1024,
  kvEntriesMax: 10_000,
  kvKeyLengthMax: 255,
  kvValueLengthMax: 32 * 1024,
  kvTotalLengthMax: 16 * 1024 * 1024,
  answerCacheBytesMax: 32 * 1024 * 1024,
}
