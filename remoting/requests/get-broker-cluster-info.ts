import { request } from '../request.ts'

/**
 * From: mqadmin, dashboard, Go client admin, broker. To: namesrv.
 * Answer: body ClusterInfo {brokerAddrTable, clusterAddrTable}.
 */
export const getBrokerClusterInfo = request({
  code: 106,
  name: 'GET_BROKER_CLUSTER_INFO',
})
