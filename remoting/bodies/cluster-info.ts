import { body, list, mapOf, shape, type TypeOf, text } from './schema.ts'
import { brokerData } from './topic-route.ts'

/** Answer of 106: broker name → its data, cluster name → broker names. */
export const clusterInfo = shape({
  brokerAddrTable: mapOf(brokerData),
  clusterAddrTable: mapOf(list(text)),
})
export type ClusterInfo = TypeOf<typeof clusterInfo>
export const clusterInfoBody = body('ClusterInfo', clusterInfo)
