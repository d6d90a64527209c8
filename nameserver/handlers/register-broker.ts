import { crc31 } from '../../base/crc32.ts'
import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { registerBroker } from '../../remoting/requests/register-broker.ts'
import { ORDER_TOPIC_CONFIG } from '../kv-config.ts'
import type { NameserverParts } from '../parts.ts'
import { decodeRegistration, fingerprintOf, peekDataVersion } from '../registration-body.ts'
import type { RegisterOutcome, Registration } from '../routes.ts'
import { ZONE_NAME } from './get-routeinfo-by-topic.ts'
import { checkName } from './names.ts'

type RegisterRequest = Request<typeof registerBroker.header>
type Answer = Reply<typeof registerBroker.reply>

const CRC_MISMATCH = 'crc32 not match'
/** First byte of every deflate stream with zlib's default window; no JSON starts with it. */
const DEFLATE_HEADER = 0x78

/**
 * A broker says what it has, about every 30 seconds and after changes. Mostly nothing is new, and then the topics in the
 * body are not even read.
 */
export function handleRegisterBroker(request: RegisterRequest, parts: NameserverParts): Answer {
  try {
    return serveRegistration(request, parts)
  } catch (error) {
    if (error instanceof RequestError) refused(request, parts, error.remark)
    throw error
  }
}

function serveRegistration(request: RegisterRequest, parts: NameserverParts): Answer {
  const { header, body, peer } = request
  const { routes, settings, limits, clock, log } = parts
  // Not checked when the sender left it out or says 0.
  if (header.bodyCrc32 !== undefined && header.bodyCrc32 !== 0 && header.bodyCrc32 !== crc31(body)) {
    refused(request, parts, CRC_MISMATCH)
    return { code: ResponseCode.SYSTEM_ERROR, remark: CRC_MISMATCH }
  }
  // Java brokers with compressedRegister=true compress the body and say that they do not.
  const isCompressed = header.compressed === true || body[0] === DEFLATE_HEADER
  const format = { isCompressed, version: request.command.version }
  const identity = identityOf(request, parts)
  const peeked = peekDataVersion(body, format)
  const fingerprint = fingerprintOf(body)
  const isUnchanged =
    peeked !== undefined && routes.isUnchanged({ ...identity, fingerprint, dataVersion: peeked })
  const content = isUnchanged ? undefined : decodeRegistration(body, format, limits)
  const dataVersion = content?.dataVersion ?? peeked
  if (dataVersion === undefined)
    throw new RequestError(ResponseCode.INVALID_PARAMETER, 'body: no dataVersion')
  const isComplete = settings.deleteTopicWithBrokerRegistration
  const registration = { ...identity, fingerprint, dataVersion }
  const outcome = routes.register(registration, content, isComplete, clock.monotonicMs())
  if (outcome.kind === 'registered') {
    parts.registrationServed(isUnchanged ? 'unchanged' : 'applied')
    parts.watch(peer)
    if (outcome.smallestIdChange !== undefined) parts.tellSmallestIds([outcome.smallestIdChange])
    if (outcome.isNew) log.info('broker.registered', shownOf(request))
  } else refused(request, parts, outcome.kind)
  return answerOf(outcome, parts)
}

/** Brokers try again every 30 seconds: one line a connection says it. */
function refused(request: RegisterRequest, parts: NameserverParts, reason: string): void {
  parts.registrationServed('refused')
  parts.complainOnce(request.peer, 'broker.refused', { ...shownOf(request), reason })
}

function identityOf(
  { header, command, peer }: RegisterRequest,
  { limits }: NameserverParts,
): Omit<Registration, 'fingerprint' | 'dataVersion'> {
  const { clusterName, brokerName, brokerAddr, brokerId, haServerAddr, enableActingMaster } = header
  const { heartbeatTimeoutMillis } = header
  checkName('clusterName', clusterName, limits)
  checkName('brokerName', brokerName, limits)
  checkName('brokerAddr', brokerAddr, limits)
  const zoneName = command.ext?.[ZONE_NAME]
  if (zoneName !== undefined && zoneName !== '') checkName(ZONE_NAME, zoneName, limits)
  if (heartbeatTimeoutMillis !== undefined && heartbeatTimeoutMillis <= 0)
    throw new RequestError(
      ResponseCode.INVALID_PARAMETER,
      `header field heartbeatTimeoutMillis: ${heartbeatTimeoutMillis} is not a number of milliseconds above 0`,
    )
  return {
    clusterName,
    brokerName,
    brokerAddr,
    brokerId,
    haServerAddr,
    zoneName,
    enableActingMaster,
    heartbeatTimeoutMs: heartbeatTimeoutMillis,
    connection: peer,
  }
}

function answerOf(outcome: RegisterOutcome, { settings, kv, limits }: NameserverParts): Answer {
  if (outcome.kind === 'single-topic')
    return {
      code: ResponseCode.SYSTEM_ERROR,
      remark:
        'register broker failed: a broker that is not registered yet must bring more than one topic with it',
    }
  if (outcome.kind === 'full')
    return {
      code: ResponseCode.SYSTEM_BUSY,
      remark: `${limits.brokersMax} brokers are registered, more are not taken`,
    }
  const table = settings.returnOrderTopicConfigToBroker ? kv.tableJson(ORDER_TOPIC_CONFIG) : undefined
  const body = table === undefined ? {} : { body: Buffer.from(table) }
  // As in RouteInfoManager.java, a broker that lost its place to a newer one is not told so.
  if (outcome.kind === 'outdated') return body
  if (outcome.topicsRefused > 0)
    return {
      code: ResponseCode.SYSTEM_BUSY,
      remark: `${outcome.topicsRefused} topics were not taken, the others were: a broker group may have ${limits.topicsPerGroupMax} topics, all together ${limits.topicsMax}`,
    }
  const { masterAddr, masterHaServerAddr } = outcome
  return { ...body, header: { masterAddr, haServerAddr: masterHaServerAddr } }
}

const shownOf = ({ header, peer }: RegisterRequest): Record<string, unknown> => ({
  cluster: header.clusterName,
  broker: header.brokerName,
  id: header.brokerId,
  address: header.brokerAddr,
  from: peer.remoteAddress,
})
