import { type DataVersion, dataVersion } from './data-version.ts'
import { body, integer, mapOf, orElse, shape, type TypeOf } from './schema.ts'

const noVersion: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }

/** consumerOffset.json and the answer of 43: `topic@group` → queue id → offset. */
export const consumerOffsetTable = shape({
  dataVersion: orElse(dataVersion, noVersion),
  offsetTable: mapOf(mapOf(integer)),
})
export type ConsumerOffsetTable = TypeOf<typeof consumerOffsetTable>
export const consumerOffsetTableBody = body('consumer offset table', consumerOffsetTable)

/** delayOffset.json and the answer of 45: delay level → offset of the next message to deliver. */
export const delayOffsetTable = shape({
  dataVersion: orElse(dataVersion, noVersion),
  offsetTable: mapOf(integer),
})
export const delayOffsetTableBody = body('delay offset table', delayOffsetTable)
