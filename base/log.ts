/**
 * The small face over winston: an event has a stable name (`broker.started`), fields, and a level. Text on a
 * terminal, JSON lines elsewhere. Rooms get a Log handed down; only bin/ and local/ make one.
 */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** The same log with these fields on every line. */
  with(fields: LogFields): Log
}

export type LogFields = Readonly<Record<string, unknown>>

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLog,
}
