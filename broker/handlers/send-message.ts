import { logPosition, timestamp } from '../../base/units.ts'
import { BatchError, decodeBatch, type InnerMessage } from '../../message/batch.ts'
import { hostPort } from '../../message/host.ts'
import type { NewMessage } from '../../message/message.ts'
import { offsetIdMaker, uniqueKeyMaker } from '../../message/message-id.ts'
import { isClosedToClients, isRetryTopic, RETRY_PREFIX, topicNameProblem } from '../../message/names.ts'
import { encodeProperties, Property, withoutProperties, withProperty } from '../../message/properties.ts'
import { MULTI_TAGS, SEND_MASK, TRANSACTION_MASK, TRANSACTION_PREPARED } from '../../message/sys-flag.ts'
import type { GroupConfig } from '../../remoting/bodies/subscription-group.ts'
import type { TopicConfig } from '../../remoting/bodies/topic-config.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { sendHeader, sendReply } from '../../remoting/requests/send-message.ts'
import { VERSION_MAX_RECONSUME } from '../../remoting/versions.ts'
import type { PutOptions, PutResult } from '../../store/store.ts'
import type { BrokerParts } from '../parts.ts'
import { isWritable } from '../permissions.ts'
import { readSendProperties } from '../send-properties.ts'
import { asRequestError } from '../store-errors.ts'

type SendRequest = Request<typeof sendHeader>
type SendReply = Reply<typeof sendReply>

export type SendParts = Pick<
  BrokerParts,
  | 'settings'
  | 'store'
  | 'topics'
  | 'groups'
  | 'queueLocks'
  | 'schedule'
  | 'stats'
  | 'clock'
  | 'random'
  | 'storeHost'
>

/** Where a send goes; differs from what the header says for retries that have run out. */
interface Target {
  readonly topic: string
  readonly config: TopicConfig
  readonly queueId: number
  readonly isDeadLetter: boolean
}

/** What the broker says about itself in stored messages and answers. */
interface OwnWords {
  readonly isTraceOn: boolean
  /** Encoded, added to every stored message. */
  readonly properties: string
  /** Java clients read these two from every answer without looking whether they are there. */
  readonly answerFields: Readonly<Record<string, string>>
}

const SKIPS_SYNC: PutOptions = { skipsSync: true }
const RANDOM_QUEUE = -1
const PERCENT = '%'.charCodeAt(0)
const NOT_PREPARED = logPosition(0)

/**
 * Codes 10, 310 and 320 (protocol §6.1). The order of the checks is RocketMQ's: clients and tools rely on which code comes
 * first. The common case, a plain message to a topic that exists, runs without a wait of its own up to the store.
 */
export class SendPath {
  readonly #parts: SendParts
  readonly #offsetId: (position: PutResult['position']) => string
  readonly #uniqueKey: () => string
  #own: OwnWords
  /** Sends with WAIT=false. */
  waitOverrideCount = 0

  constructor(parts: SendParts) {
    const { settings, storeHost, clock, random } = parts
    this.#parts = parts
    this.#offsetId = offsetIdMaker(storeHost)
    this.#uniqueKey = uniqueKeyMaker({
      ip: storeHost.subarray(0, storeHost.length - 4),
      pid: hostPort(storeHost),
      random,
      now: () => clock.now(),
    })
    this.#own = ownWords(settings)
  }

  readonly handle = (request: SendRequest): SendReply | Promise<SendReply> => {
    try {
      const { topic } = request.header
      this.#checkOpen()
      if (this.#own.isTraceOn !== this.#parts.settings.traceOn) this.#own = ownWords(this.#parts.settings)
      if (isClosedToClients(topic)) throw refusal(`Sending message to topic[${topic}] is forbidden.`)
      const config = this.#parts.topics.get(topic)
      // Retries need their group, unknown topics have to be made first: both may have to wait.
      if (config === undefined || topic.charCodeAt(0) === PERCENT)
        return this.#prepare(request).catch(this.#failed)
      const queueId = this.#chooseQueue(request, config)
      return this.#put(request, { topic, config, queueId, isDeadLetter: false })
    } catch (error) {
      return this.#failed(error)
    }
  }

  #checkOpen(): void {
    const opensAt = this.#parts.settings.startAcceptSendRequestTimeStamp
    if (opensAt > 0 && this.#parts.clock.now() < opensAt)
      throw new RequestError(
        ResponseCode.SYSTEM_ERROR,
        `broker unable to service, until ${new Date(opensAt).toISOString()}`,
      )
  }

  async #prepare(request: SendRequest): Promise<SendReply> {
    const { header, peer } = request
    const { topic } = header
    const problem = topicNameProblem(topic)
    if (problem !== undefined) throw new RequestError(ResponseCode.INVALID_PARAMETER, problem)
    const group = isRetryTopic(topic) ? await this.#retryGroup(topic) : undefined
    const config =
      this.#parts.topics.get(topic) ??
      (await this.#parts.topics.autoCreateForSend({
        topic,
        defaultTopic: header.defaultTopic,
        defaultTopicQueueNums: header.defaultTopicQueueNums,
        peerAddress: peer.remoteAddress,
        isUnit: header.unitMode,
      }))
    const queueId = this.#chooseQueue(request, config)
    if (group === undefined || !this.#isOutOfRetries(request, group))
      return this.#put(request, { topic, config, queueId, isDeadLetter: false })
    const deadLetters = await this.#parts.topics.ensureDlqTopic(group.groupName)
    return this.#put(request, {
      topic: deadLetters.topicName,
      config: deadLetters,
      queueId: this.#randomQueue(deadLetters),
      isDeadLetter: true,
    })
  }

  async #retryGroup(topic: string): Promise<GroupConfig> {
    const name = topic.slice(RETRY_PREFIX.length)
    const group = this.#parts.groups.get(name) ?? (await this.#parts.groups.getOrCreate(name))
    if (group !== undefined) return group
    throw new RequestError(
      ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
      `subscription group not exist, ${name}: ${topic} takes messages of known groups only`,
    )
  }

  /** A send to a retry topic compares with `>`, a send-back (36) with `>=`: as in RocketMQ (protocol §8.15). */
  #isOutOfRetries(request: SendRequest, group: GroupConfig): boolean {
    const { reconsumeTimes, maxReconsumeTimes } = request.header
    const isMaxKnown = maxReconsumeTimes !== undefined && request.command.version >= VERSION_MAX_RECONSUME
    if (reconsumeTimes > (isMaxKnown ? maxReconsumeTimes : group.retryMaxTimes)) return true
    return this.#parts.queueLocks.hasLiveLock(group.groupName, this.#parts.clock.monotonicMs())
  }

  #chooseQueue(request: SendRequest, config: TopicConfig): number {
    const { queueId } = request.header
    const { brokerPermission } = this.#parts.settings
    if (config.order && !isWritable(brokerPermission))
      throw refusal(
        `the broker[${this.#parts.settings.brokerName}] sending message is forbidden: ` +
          `${config.topicName} is an ordered topic and brokerPermission is ${brokerPermission}`,
      )
    const queues = Math.max(config.readQueueNums, config.writeQueueNums)
    if (queueId < RANDOM_QUEUE || queueId >= queues)
      throw new RequestError(
        ResponseCode.INVALID_PARAMETER,
        `request queueId[${queueId}] is illegal: ${config.topicName} has queues 0 to ${queues - 1}, ` +
          '-1 lets the broker choose',
      )
    if (config.writeQueueNums <= 0)
      throw refusal(
        `${config.topicName} has no queue to write to: writeQueueNums is ${config.writeQueueNums}`,
      )
    return queueId === RANDOM_QUEUE ? this.#randomQueue(config) : queueId
  }

  #randomQueue(config: TopicConfig): number {
    return Math.floor(this.#parts.random() * config.writeQueueNums)
  }

  #put(request: SendRequest, target: Target): Promise<SendReply> {
    return request.header.batch ? this.#putBatch(request, target) : this.#putOne(request, target)
  }

  #putOne(request: SendRequest, target: Target): Promise<SendReply> {
    const { header, body, peer } = request
    this.#checkBody(body)
    const properties = readSendProperties(header.properties, isRetryTopic(header.topic))
    const { delayLevel } = properties
    if (Number.isNaN(delayLevel))
      throw new RequestError(ResponseCode.MESSAGE_ILLEGAL, 'the delay level (property DELAY) is not a number')
    const isLateRetry = header.reconsumeTimes > 0 && delayLevel > 0
    if ((properties.isTransaction && !isLateRetry) || isHalf(header.sysFlag))
      throw refusal('sending transaction message is forbidden: this broker does not offer transactions yet')
    if (properties.hasTimer)
      throw new RequestError(
        ResponseCode.SYSTEM_ERROR,
        'accurate timer message is not enabled: this broker offers delay levels (property DELAY) only',
      )
    let stored = properties.kept + this.#own.properties
    if (!properties.hasUniqueKey) stored = withProperty(stored, Property.UNIQUE_KEY, this.#uniqueKey())
    if (target.isDeadLetter) stored = withProperty(stored, Property.DELAY, '-1')
    const message: NewMessage = {
      topic: target.topic,
      queueId: target.queueId,
      flag: header.flag,
      sysFlag: sysFlagOf(header.sysFlag, target.config),
      bornTimestamp: timestamp(header.bornTimestamp),
      bornHost: peer.remoteHost,
      storeHost: this.#parts.storeHost,
      reconsumeTimes: header.reconsumeTimes,
      preparedTransactionOffset: NOT_PREPARED,
      body,
      properties: stored,
    }
    const isDelayed = delayLevel > 0 && !target.isDeadLetter
    const placed = isDelayed ? this.#parts.schedule.toDelayed(message, delayLevel) : message
    const startedMs = this.#parts.clock.monotonicMs()
    return this.#parts.store.put(placed, this.#waitOf(properties.isWaiting)).then((result) => {
      const elapsedMs = this.#parts.clock.monotonicMs() - startedMs
      this.#parts.stats.put(placed.topic, 1, result.sizeBytes, elapsedMs)
      return this.#answer(result, target.queueId, this.#offsetId(result.position))
    }, this.#failed)
  }

  /** WAIT=false is the sender's wish not to wait for the disk; it is counted, and granted unless that is switched off. */
  #waitOf(isWaiting: boolean): PutOptions | undefined {
    if (isWaiting) return undefined
    this.waitOverrideCount++
    return this.#parts.settings.allowClientWaitOverride ? SKIPS_SYNC : undefined
  }

  /** All messages or none, next to each other in one queue. */
  #putBatch(request: SendRequest, target: Target): Promise<SendReply> {
    const { header, body, peer } = request
    if (isRetryTopic(header.topic))
      throw new RequestError(ResponseCode.MESSAGE_ILLEGAL, 'batch request does not support retry group')
    this.#checkBody(body)
    const outer = readSendProperties(header.properties, false)
    if (outer.isTransaction || isHalf(header.sysFlag))
      throw refusal('sending transaction message is forbidden: a batch cannot be transactional')
    // The batch's own key and WAIT are not those of its messages; a batch always waits for the disk.
    const shared = withoutProperties(outer.kept, isOfBatchAlone) + this.#own.properties
    const sysFlag = sysFlagOf(header.sysFlag, target.config)
    const messages = this.#decodeBatch(body).map((inner): NewMessage => {
      const own = readSendProperties(inner.properties, false)
      const properties = own.kept + shared
      return {
        topic: target.topic,
        queueId: target.queueId,
        flag: inner.flag,
        sysFlag,
        bornTimestamp: timestamp(header.bornTimestamp),
        bornHost: peer.remoteHost,
        storeHost: this.#parts.storeHost,
        reconsumeTimes: header.reconsumeTimes,
        preparedTransactionOffset: NOT_PREPARED,
        body: inner.body,
        properties: own.hasUniqueKey
          ? properties
          : withProperty(properties, Property.UNIQUE_KEY, this.#uniqueKey()),
      }
    })
    const startedMs = this.#parts.clock.monotonicMs()
    return this.#parts.store
      .putAll(messages)
      .then((results) => this.#answerBatch(results, target, startedMs), this.#failed)
  }

  #decodeBatch(body: Buffer): readonly InnerMessage[] {
    try {
      return decodeBatch(body, { bodyMaxBytes: this.#parts.settings.maxMessageSize })
    } catch (error) {
      if (!(error instanceof BatchError)) throw error
      throw new RequestError(ResponseCode.MESSAGE_ILLEGAL, `the batch cannot be read: ${error.message}`)
    }
  }

  #checkBody(body: Buffer): void {
    const limit = this.#parts.settings.maxMessageSize
    if (body.length > 0 && body.length <= limit) return
    throw new RequestError(
      ResponseCode.MESSAGE_ILLEGAL,
      body.length === 0
        ? 'the message has no body'
        : `the message body has ${body.length} bytes, the limit is ${limit} (maxMessageSize)`,
    )
  }

  #answerBatch(results: readonly PutResult[], target: Target, startedMs: number): SendReply {
    const [first] = results
    if (first === undefined) throw new Error('the store answered a batch without a result')
    let bytes = 0
    let msgId = ''
    let slowest = first
    for (const result of results) {
      bytes += result.sizeBytes
      msgId += msgId === '' ? this.#offsetId(result.position) : `,${this.#offsetId(result.position)}`
      if (result.status !== 'ok') slowest = result
    }
    const elapsedMs = this.#parts.clock.monotonicMs() - startedMs
    this.#parts.stats.put(target.topic, results.length, bytes, elapsedMs)
    return this.#answer({ ...first, status: slowest.status }, target.queueId, msgId)
  }

  #answer(result: PutResult, queueId: number, msgId: string): SendReply {
    const header = { msgId, queueId, queueOffset: result.queueOffset }
    if (result.status === 'ok') return { header, extra: this.#own.answerFields }
    return {
      code: ResponseCode.FLUSH_DISK_TIMEOUT,
      remark: 'flush disk timeout: stored, not known to be on disk yet',
      header,
      extra: this.#own.answerFields,
    }
  }

  readonly #failed = (error: unknown): SendReply => {
    const refused = asRequestError(error)
    if (refused === undefined) throw error
    this.#parts.stats.putFailed()
    return { code: refused.code, remark: refused.remark, extra: this.#own.answerFields }
  }
}

function ownWords(settings: SendParts['settings']): OwnWords {
  const { regionId, traceOn, brokerClusterName } = settings
  return {
    isTraceOn: traceOn,
    properties: encodeProperties([
      [Property.MSG_REGION, regionId],
      [Property.TRACE_ON, String(traceOn)],
      [Property.CLUSTER, brokerClusterName],
    ]),
    answerFields: { MSG_REGION: regionId, TRACE_ON: String(traceOn) },
  }
}

const refusal = (remark: string): RequestError => new RequestError(ResponseCode.NO_PERMISSION, remark)

const isHalf = (sysFlag: number): boolean => (sysFlag & TRANSACTION_MASK) === TRANSACTION_PREPARED

const sysFlagOf = (sent: number, config: TopicConfig): number =>
  (sent & SEND_MASK) | (config.topicFilterType === 'MULTI_TAG' ? MULTI_TAGS : 0)

const isOfBatchAlone = (name: string): boolean => name === Property.UNIQUE_KEY || name === Property.WAIT
