import { body, integer, orElse, shape, type TypeOf } from './schema.ts'

/** A counter that grows with every change of a table; the timestamp is that of the change. */
export const dataVersion = shape({
  counter: orElse(integer, 0),
  stateVersion: orElse(integer, 0),
  timestamp: orElse(integer, 0),
})
export type DataVersion = TypeOf<typeof dataVersion>
/** Body of 322 and its answer; header `version` of 26's answer. */
export const dataVersionBody = body('DataVersion', dataVersion)

export const isSameVersion = (a: DataVersion, b: DataVersion): boolean =>
  a.counter === b.counter && a.stateVersion === b.stateVersion && a.timestamp === b.timestamp
