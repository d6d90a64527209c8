import type { Clock } from '../base/clock.ts'
import type { DataVersion } from '../remoting/bodies/data-version.ts'
import { ResponseCode } from '../remoting/codes.ts'
import { RequestError } from '../remoting/errors.ts'
import { type BrokerSettings, brokerKeySet } from '../settings/broker.ts'
import { type Changes, changeSettings, settingsText } from '../settings/change.ts'
import { ConfigError } from '../settings/load.ts'

/** Keeps changes for the next start; rejects when it cannot. */
export type StoreSettings = (changes: ReadonlyMap<string, string>) => Promise<void>

export interface LiveSettingsParts {
  readonly settings: BrokerSettings
  readonly store: StoreSettings
  readonly clock: Clock
}

/**
 * Keys that name files, addresses or secrets, those without an effect here included: whoever may send requests must not lead the
 * broker elsewhere, now or at the next start (CVE-2023-33246 of RocketMQ).
 */
const PROTECTED = /Path|Addr|Home|Credential|AuthenticationUser|Target|Peers|Host|Port|IP[12]$|FileName/i

type Asked = readonly (readonly [key: string, text: string])[]

/**
 * The settings as administrators see and change them while the broker runs. Everybody who holds the settings object sees a
 * change at once. All of a request is taken and kept for the next start, or nothing.
 */
export class LiveSettings {
  readonly #settings: BrokerSettings
  readonly #store: StoreSettings
  readonly #clock: Clock
  #version: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: LiveSettingsParts) {
    this.#settings = parts.settings
    this.#store = parts.store
    this.#clock = parts.clock
    this.#version = { counter: 0, stateVersion: 0, timestamp: parts.clock.now() }
  }

  /** Grows with every change since the start. */
  get dataVersion(): DataVersion {
    return this.#version
  }

  /** All settings as properties text. */
  text(): string {
    return settingsText(brokerKeySet, this.#settings)
  }

  /**
   * One request at a time. Rejects with RequestError: 16 for keys that name paths, addresses, the broker itself or stand in
   * configBlackList; 29 for unknown keys and values that are not allowed; 1 when the change could not be kept.
   */
  change(asked: Asked): Promise<Changes> {
    const change = this.#last.then(() => this.#change(asked))
    this.#last = change.catch(() => undefined)
    return change
  }

  #refuseProtected(asked: Asked): void {
    const shown = this.#settings as Readonly<Record<string, unknown>>
    for (const [name, text] of asked) {
      if (!PROTECTED.test(name)) continue
      const current = Object.hasOwn(shown, name) ? shown[name] : brokerKeySet.ignored.get(name)?.default
      if (current !== undefined && String(current) !== text.trim())
        throw forbidden(`${name} cannot be changed while the process runs`)
    }
  }

  async #change(asked: Asked): Promise<Changes> {
    this.#refuseProtected(asked)
    const before = { ...this.#settings }
    const changes = applied(this.#settings, asked)
    if (changes.changed.size === 0) return changes
    try {
      await this.#store(changes.changed)
    } catch (error) {
      Object.assign(this.#settings, before)
      throw new RequestError(
        ResponseCode.SYSTEM_ERROR,
        'the settings could not be stored; nothing was changed',
        { cause: error },
      )
    }
    const { counter, stateVersion } = this.#version
    this.#version = { counter: counter + 1, stateVersion, timestamp: this.#clock.now() }
    return changes
  }
}

const forbidden = (detail: string): RequestError =>
  new RequestError(ResponseCode.NO_PERMISSION, `Can not update config in black list: ${detail}`)

function applied(settings: BrokerSettings, asked: Asked): Changes {
  try {
    return changeSettings(brokerKeySet, settings, asked)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (error.problems.some((problem) => problem.isForbidden === true)) throw forbidden(error.message)
    throw new RequestError(ResponseCode.INVALID_PARAMETER, error.message, { cause: error })
  }
}
