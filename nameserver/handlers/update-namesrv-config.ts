import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { NoFields } from '../../remoting/request.ts'
import { type Changes, changeSettings } from '../../settings/change.ts'
import type { Key } from '../../settings/keys.ts'
import { ConfigError } from '../../settings/load.ts'
import { type NameserverSettings, nameserverKeySet } from '../../settings/nameserver.ts'
import { PropertiesError, parseProperties } from '../../settings/properties-file.ts'
import type { NameserverParts } from '../parts.ts'

/** The body is a properties text; without one nothing changes. All of it is taken and kept for the next start, or nothing. */
export async function handleUpdateNamesrvConfig(
  { body, peer }: Request<NoFields>,
  { settings, routes, log, storeSettings }: NameserverParts,
): Promise<Reply<NoFields>> {
  if (body.length === 0) return {}
  const asked = parse(body.toString('utf8'))
  refuseProtected(asked, settings)
  const before = new Map(asked.map(([key]) => [key, textOf(settings, key)]))
  const { changed, needRestart } = change(settings, asked)
  if (changed.size === 0) return {}
  routes.applyAllAgain()
  try {
    await storeSettings(changed)
  } catch (error) {
    change(
      settings,
      [...changed.keys()].map((key) => [key, before.get(key) ?? '']),
    )
    throw new RequestError(
      ResponseCode.SYSTEM_ERROR,
      'the settings could not be stored; nothing was changed',
      { cause: error },
    )
  }
  log.info('settings.changed', {
    changed: Object.fromEntries(changed),
    needRestart,
    from: peer.remoteAddress,
  })
  return {}
}

type Asked = readonly (readonly [key: string, text: string])[]

function parse(text: string): Asked {
  try {
    return parseProperties(text).map(({ key, value }) => [key, value])
  } catch (error) {
    if (!(error instanceof PropertiesError)) throw error
    throw new RequestError(ResponseCode.INVALID_PARAMETER, `body line ${error.line}: ${error.message}`)
  }
}

/** Paths, addresses and what the operator put on the black list stay as they are, whatever else is asked. */
function refuseProtected(asked: Asked, settings: NameserverSettings): void {
  const keys: Readonly<Record<string, Key | undefined>> = nameserverKeySet.keys
  const blackList = settings.configBlackList.split(';')
  for (const [key] of asked)
    if (blackList.includes(key) || (Object.hasOwn(keys, key) && keys[key]?.change === 'never'))
      throw new RequestError(
        ResponseCode.NO_PERMISSION,
        `Can not update config in black list: ${key} cannot be changed while the nameserver runs`,
      )
}

function change(settings: NameserverSettings, asked: Asked): Changes {
  try {
    return changeSettings(nameserverKeySet, settings, asked)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new RequestError(ResponseCode.INVALID_PARAMETER, error.message)
  }
}

const textOf = (settings: NameserverSettings, key: string): string =>
  String((settings as Readonly<Record<string, unknown>>)[key])
