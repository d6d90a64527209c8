import { ResponseCode } from '../../../remoting/codes.ts'
import { RequestError } from '../../../remoting/errors.ts'
import type { Reply, Request } from '../../../remoting/peer.ts'
import type { NoFields } from '../../../remoting/request.ts'
import type { getBrokerConfig } from '../../../remoting/requests/get-broker-config.ts'
import { PropertiesError, parseProperties } from '../../../settings/properties-file.ts'
import type { BrokerParts } from '../../parts.ts'

/** Code 26. */
export function getConfig(
  _request: Request<NoFields>,
  { liveSettings }: Pick<BrokerParts, 'liveSettings'>,
): Reply<typeof getBrokerConfig.reply> {
  return {
    header: { version: JSON.stringify(liveSettings.dataVersion) },
    body: Buffer.from(liveSettings.text()),
  }
}

/** Code 25: the body is a properties text. What takes effect only at the next start is named in the remark. */
export async function updateConfig(
  { body, peer }: Request<NoFields>,
  { liveSettings, register, log }: Pick<BrokerParts, 'liveSettings' | 'register' | 'log'>,
): Promise<Reply<NoFields>> {
  if (body.length === 0) return {}
  const { changed, needRestart } = await liveSettings.change(parse(body.toString('utf8')))
  if (changed.size === 0) return {}
  log.info('settings.changed', {
    changed: Object.fromEntries(changed),
    needRestart,
    from: peer.remoteAddress,
  })
  // Nameservers show topics with the permission of the broker taken off.
  if (changed.has('brokerPermission')) await register()
  return needRestart.length === 0 ? {} : { remark: `stored; for the next start: ${needRestart.join(', ')}` }
}

function parse(text: string): (readonly [key: string, value: string])[] {
  try {
    return parseProperties(text).map(({ key, value }) => [key, value] as const)
  } catch (error) {
    if (!(error instanceof PropertiesError)) throw error
    throw new RequestError(ResponseCode.INVALID_PARAMETER, `body line ${error.line}: ${error.message}`)
  }
}
