import { queueOffset } from '../../base/units.ts'
import type { GroupConfig } from '../../remoting/bodies/subscription-group.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { pullHeader, pullReply } from '../../remoting/requests/pull-message.ts'
import type { GetQuery, GetResult } from '../../store/store.ts'
import { compileExpression, filterOf, type TagFilter } from '../filter.ts'
import type { WakeReason } from '../long-poll.ts'
import type { BrokerParts } from '../parts.ts'
import { isReadable } from '../permissions.ts'
import { asRequestError } from '../store-errors.ts'
import { UNREAD_BYTES_MAX, UnreadAnswers } from '../unread-answers.ts'

type PullRequest = Request<typeof pullHeader>
type PullReply = Reply<typeof pullReply>

export type PullParts = Pick<
  BrokerParts,
  'settings' | 'store' | 'topics' | 'groups' | 'offsets' | 'clients' | 'longPolls' | 'stats' | 'clock'
>

/** Bits of the request's sysFlag (PullSysFlag of RocketMQ). */
const FLAG_COMMIT = 0x1
const FLAG_SUSPEND = 0x2
const FLAG_SUBSCRIPTION = 0x4

/** Longest time a pull is parked, whatever the client asks for; RocketMQ's clients ask for 15 or 20 s. */
const SUSPEND_MAX_MS = 60_000
/** pullBatchMaxMessageCount of RocketMQ. */
const COUNT_MAX = 160
/** Which broker to ask next: 0, the master, as long as there are no others to name. */
const SUGGESTED_BROKER = 0

/** The pull's way through its states is one object: it may be read twice, once at once and once when woken. */
interface Pull {
  readonly request: PullRequest
  readonly query: GetQuery
  readonly isFirstPass: boolean
  /** Its answer leaves by a promise. */
  readonly isLate: boolean
}

/** Codes 11 and 361 (protocol §6.3). */
export class PullPath {
  readonly #parts: PullParts
  readonly #unread = new UnreadAnswers()

  constructor(parts: PullParts) {
    this.#parts = parts
  }

  readonly handle = (request: PullRequest): PullReply | Promise<PullReply> => {
    const { consumerGroup } = request.header
    try {
      this.#checkBroker(request)
      const group = this.#parts.groups.get(consumerGroup)
      if (group !== undefined) return this.#serve(request, group, false)
    } catch (error) {
      return this.#refused(request, error)
    }
    return this.#parts.groups
      .getOrCreate(consumerGroup)
      .then((group) => this.#serve(request, group, true))
      .catch((error: unknown) => this.#refused(request, error))
  }

  #serve(
    request: PullRequest,
    group: GroupConfig | undefined,
    isLate: boolean,
  ): PullReply | Promise<PullReply> {
    const { header } = request
    this.#checkGroup(header.consumerGroup, group)
    this.#checkQueue(header)
    const matches = this.#filterOf(request, group)
    const moved = this.#parts.offsets.takeReset(header.consumerGroup, header.topic, header.queueId)
    if (moved !== undefined) return this.#moved(request, moved)
    const limits = this.#limitsOf(header)
    const query: GetQuery = {
      topic: header.topic,
      queueId: header.queueId,
      offset: queueOffset(header.queueOffset),
      ...limits,
      ...(matches === undefined ? undefined : { matches }),
    }
    return this.#read({ request, query, isFirstPass: true, isLate })
  }

  #checkBroker(request: PullRequest): void {
    const { settings } = this.#parts
    if (!isReadable(settings.brokerPermission))
      throw noPermission(`the broker[${settings.brokerName}] pulling message is forbidden`)
    if (request.command.code === LITE_PULL && !settings.litePullMessageEnable)
      throw noPermission(`the broker[${settings.brokerName}] for lite pull consumer is forbidden`)
  }

  #checkGroup(name: string, group: GroupConfig | undefined): asserts group is GroupConfig {
    if (group === undefined)
      throw new RequestError(
        ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
        `subscription group [${name}] does not exist, and this broker does not create it`,
      )
    if (!group.consumeEnable) throw noPermission(`subscription group no permission, ${name}`)
  }

  #checkQueue(header: PullRequest['header']): void {
    const { topic, queueId } = header
    const config = this.#parts.topics.get(topic)
    if (config === undefined)
      throw new RequestError(ResponseCode.TOPIC_NOT_EXIST, `topic[${topic}] not exist, apply first please!`)
    if (!isReadable(config.perm)) throw noPermission(`the topic[${topic}] pulling message is forbidden`)
    if (queueId < 0 || queueId >= config.readQueueNums)
      throw new RequestError(
        ResponseCode.INVALID_PARAMETER,
        `queueId[${queueId}] is illegal, topic:[${topic}] topicConfig.readQueueNums:[${config.readQueueNums}] ` +
          `consumer:[${header.consumerGroup}]`,
      )
  }

  #filterOf(request: PullRequest, group: GroupConfig): TagFilter | undefined {
    const { header } = request
    if ((header.sysFlag & FLAG_SUBSCRIPTION) !== 0)
      return compileExpression({ expressionType: header.expressionType, subString: header.subscription })
    const { consumerGroup, topic } = header
    const info = this.#parts.clients.group(consumerGroup)
    if (info === undefined)
      throw new RequestError(
        ResponseCode.SUBSCRIPTION_NOT_EXIST,
        `the consumer's group info not exist: no client of ${consumerGroup} has sent a heartbeat`,
      )
    if (!group.consumeBroadcastEnable && info.messageModel === 'BROADCASTING')
      throw noPermission(`the consumer group[${consumerGroup}] can not consume by broadcast way`)
    if (this.#parts.groups.isForbidden(consumerGroup, topic))
      throw noPermission(`the consumer group[${consumerGroup}] is forbidden for topic[${topic}]`)
    const subscription = this.#parts.clients.subscription(consumerGroup, topic)
    if (subscription === undefined)
      throw new RequestError(
        ResponseCode.SUBSCRIPTION_NOT_EXIST,
        `the consumer's subscription not exist: ${consumerGroup} does not subscribe to ${topic}`,
      )
    if (subscription.subVersion < header.subVersion)
      throw new RequestError(
        ResponseCode.SUBSCRIPTION_NOT_LATEST,
        `the consumer's subscription not latest: known is version ${subscription.subVersion}, ` +
          `asked for is ${header.subVersion}`,
      )
    return filterOf(subscription)
  }

  /**
   * Departure from RocketMQ: it sends at most 32 messages or 256 KiB from memory and 8 or 64 KiB from disk, so that a
   * consumer that has to catch up gets 8 per round trip. Here the count is the consumer's up to COUNT_MAX, and the limit
   * of bytes for memory holds for the disk, too.
   */
  #limitsOf(header: PullRequest['header']): Pick<GetQuery, 'maxCount' | 'maxBytes'> {
    const { settings } = this.#parts
    const wanted = header.maxMsgBytes
    const limit = settings.maxTransferBytesOnMessageInMemory
    return {
      maxCount: Math.max(
        1,
        Math.min(header.maxMsgNums, Math.max(COUNT_MAX, settings.maxTransferCountOnMessageInMemory)),
      ),
      maxBytes: wanted === undefined || wanted <= 0 ? limit : Math.min(wanted, limit),
    }
  }

  #read(pull: Pull): PullReply | Promise<PullReply> {
    const { request, query } = pull
    const { peer } = request
    if (this.#unread.isTooMuch(peer)) return this.#refused(request, tooMuchUnread)
    const result = this.#parts.store.get(query)
    if (!(result instanceof Promise)) {
      if (pull.isLate) this.#unread.leaving(peer, result.totalBytes)
      return this.#conclude(pull, result)
    }
    this.#unread.reading(peer, query.maxBytes)
    return result
      .finally(() => this.#unread.read(peer, query.maxBytes))
      .then((late) => {
        this.#unread.leaving(peer, late.totalBytes)
        return this.#conclude(pull, late)
      })
  }

  #conclude(pull: Pull, result: GetResult): PullReply | Promise<PullReply> {
    const { header } = pull.request
    if (pull.isFirstPass && (header.sysFlag & FLAG_COMMIT) !== 0) this.#commit(pull.request, result)
    const code = codeOf(result, header.queueOffset)
    if (code === ResponseCode.PULL_NOT_FOUND) {
      if (pull.isFirstPass && (header.sysFlag & FLAG_SUSPEND) !== 0) {
        const parked = this.#park(pull)
        if (parked !== undefined) return parked
      }
      this.#parts.stats.getMiss()
    } else if (code === ResponseCode.SUCCESS) {
      this.#parts.stats.get(header.consumerGroup, header.topic, result.records.length, result.totalBytes)
    }
    const { consumerGroup, topic, queueId } = header
    this.#parts.offsets.pulled(consumerGroup, topic, queueId, result.nextOffset)
    return {
      code,
      remark: remarkOf(result),
      header: {
        suggestWhichBrokerId: SUGGESTED_BROKER,
        nextBeginOffset: result.nextOffset,
        minOffset: result.minOffset,
        maxOffset: result.maxOffset,
      },
      body: result.records,
    }
  }

  /** Resolves when the pull goes on; undefined when it cannot be parked. */
  #park(pull: Pull): Promise<PullReply> | undefined {
    const { query, request } = pull
    const { settings, store, longPolls, clock } = this.#parts
    // What became readable while a read from disk was under way woke nobody.
    if (store.queueRange(query.topic, query.queueId).maxOffset > query.offset)
      return Promise.resolve(this.#read({ ...pull, isFirstPass: false, isLate: true }))
    const asked = Math.max(0, Math.min(request.header.suspendTimeoutMillis, SUSPEND_MAX_MS))
    const waitMs = settings.longPollingEnable ? asked : settings.shortPollingTimeMills
    let goOn: (reason: WakeReason) => void = () => undefined
    const isParked = longPolls.park({
      topic: query.topic,
      queueId: query.queueId,
      offset: query.offset,
      matches: query.matches,
      deadlineMs: clock.monotonicMs() + waitMs,
      peer: request.peer,
      wake: (reason) => goOn(reason),
    })
    if (!isParked) return undefined
    return new Promise((resolve) => {
      goOn = (reason) => resolve(this.#goOn(pull, reason))
    })
  }

  #goOn(pull: Pull, reason: WakeReason): PullReply | Promise<PullReply> {
    const { request } = pull
    // Nobody reads the answer of a closed connection; reading the store for it would cost the others.
    if (reason === 'closed')
      return this.#refused(request, new RequestError(ResponseCode.PULL_NOT_FOUND, 'closed'))
    try {
      const reply = this.#read({ ...pull, isFirstPass: false, isLate: true })
      return reply instanceof Promise ? reply.catch((error: unknown) => this.#refused(request, error)) : reply
    } catch (error) {
      return this.#refused(request, error)
    }
  }

  #commit(request: PullRequest, result: GetResult): void {
    const { consumerGroup, topic, queueId, commitOffset } = request.header
    // Offsets that no consumer can have reached are left out: the pull itself is still good.
    if (commitOffset < 0 || commitOffset > result.maxOffset) return
    const offset = queueOffset(commitOffset)
    this.#parts.offsets.commit(consumerGroup, topic, queueId, offset, request.peer.remoteAddress)
  }

  #moved(request: PullRequest, offset: number): PullReply {
    return {
      code: ResponseCode.PULL_OFFSET_MOVED,
      remark: 'the offset was reset on the server',
      header: { ...this.#offsetsOf(request), nextBeginOffset: offset },
    }
  }

  /** The error as an answer: Java clients read the four offsets whatever the code. */
  #refused(request: PullRequest, error: unknown): PullReply {
    const refused = asRequestError(error)
    if (refused === undefined) throw error
    return { code: refused.code, remark: refused.remark, header: this.#offsetsOf(request) }
  }

  #offsetsOf({ header }: PullRequest): Required<PullReply>['header'] {
    const { minOffset, maxOffset } = this.#parts.store.queueRange(header.topic, header.queueId)
    return {
      suggestWhichBrokerId: SUGGESTED_BROKER,
      nextBeginOffset: header.queueOffset,
      minOffset,
      maxOffset,
    }
  }
}

const LITE_PULL = 361

const noPermission = (remark: string): RequestError => new RequestError(ResponseCode.NO_PERMISSION, remark)

/** Java's push consumers ask again after 20 ms on this code, without a word to the user. */
const tooMuchUnread = new RequestError(
  ResponseCode.FLOW_CONTROL,
  `more than ${UNREAD_BYTES_MAX} bytes of answers are on their way to this connection: read them first`,
)

function codeOf(result: GetResult, askedOffset: number): number {
  switch (result.status) {
    case 'found':
      return ResponseCode.SUCCESS
    case 'no-match':
    case 'removed':
      return ResponseCode.PULL_RETRY_IMMEDIATELY
    case 'none-yet':
      return ResponseCode.PULL_NOT_FOUND
    case 'no-queue':
      return askedOffset === 0 ? ResponseCode.PULL_NOT_FOUND : ResponseCode.PULL_OFFSET_MOVED
    case 'too-small':
    case 'overflow':
      return ResponseCode.PULL_OFFSET_MOVED
  }
}

/** Names of GetMessageStatus: clients and tools print them. */
function remarkOf(result: GetResult): string {
  switch (result.status) {
    case 'found':
      return 'FOUND'
    case 'no-match':
      return 'NO_MATCHED_MESSAGE'
    case 'removed':
      return 'MESSAGE_WAS_REMOVING'
    case 'none-yet':
      return result.maxOffset === 0 ? 'NO_MESSAGE_IN_QUEUE' : 'OFFSET_OVERFLOW_ONE'
    case 'no-queue':
      return 'NO_MATCHED_LOGIC_QUEUE'
    case 'too-small':
      return 'OFFSET_TOO_SMALL'
    case 'overflow':
      return 'OFFSET_OVERFLOW_BADLY'
  }
}
