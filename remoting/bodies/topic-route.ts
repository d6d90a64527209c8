import {
  anything,
  body,
  flag,
  integer,
  list,
  mapOf,
  maybe,
  orElse,
  shape,
  type TypeOf,
  text,
} from './schema.ts'

export const queueData = shape({
  brokerName: text,
  readQueueNums: integer,
  writeQueueNums: integer,
  perm: integer,
  topicSysFlag: orElse(integer, 0),
})
export type QueueData = TypeOf<typeof queueData>

export const brokerData = shape({
  cluster: orElse(text, ''),
  brokerName: text,
  /** Broker id (digits) → `ip:port`. */
  brokerAddrs: mapOf(text),
  enableActingMaster: orElse(flag, false),
  zoneName: maybe(text),
})
export type BrokerData = TypeOf<typeof brokerData>

/** Answer of 105 (protocol §1.10). */
export const topicRouteData = shape({
  queueDatas: list(queueData),
  brokerDatas: list(brokerData),
  filterServerTable: mapOf(list(text)),
  orderTopicConf: maybe(text),
  topicQueueMappingByBroker: maybe(anything),
})
export type TopicRouteData = TypeOf<typeof topicRouteData>
export const topicRouteBody = body('TopicRouteData', topicRouteData)

/**
 * The route as fastjson writes it, broker ids bare (`"brokerAddrs":{0:"10.0.0.1:10911"}`), for requests below version 401
 * that did not ask for standard JSON.
 */
export function encodeFastjsonRoute(route: TopicRouteData): Buffer {
  const brokers = route.brokerDatas.map((broker) => {
    const addresses = Object.entries(broker.brokerAddrs)
      .map(([id, address]) => `${/^\d+$/.test(id) ? id : JSON.stringify(id)}:${JSON.stringify(address)}`)
      .join(',')
    const rest = brokerData.encode({ ...broker, brokerAddrs: {} })
    return rest.replace('"brokerAddrs":{}', () => `"brokerAddrs":{${addresses}}`)
  })
  const rest = topicRouteData.encode({ ...route, brokerDatas: [] })
  return Buffer.from(rest.replace('"brokerDatas":[]', () => `"brokerDatas":[${brokers.join(',')}]`))
}
