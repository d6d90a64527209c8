import { addWritePermOfBroker } from '../remoting/requests/add-write-perm-of-broker.ts'
import { brokerHeartbeat } from '../remoting/requests/broker-heartbeat.ts'
import { deleteKvConfig } from '../remoting/requests/delete-kv-config.ts'
import { deleteTopicInNamesrv } from '../remoting/requests/delete-topic-in-namesrv.ts'
import { getAllTopicListFromNameserver } from '../remoting/requests/get-all-topic-list-from-nameserver.ts'
import { getBrokerClusterInfo } from '../remoting/requests/get-broker-cluster-info.ts'
import { getBrokerMemberGroup } from '../remoting/requests/get-broker-member-group.ts'
import { getHasUnitSubTopicList } from '../remoting/requests/get-has-unit-sub-topic-list.ts'
import { getHasUnitSubUnunitTopicList } from '../remoting/requests/get-has-unit-sub-ununit-topic-list.ts'
import { getKvConfig } from '../remoting/requests/get-kv-config.ts'
import { getKvlistByNamespace } from '../remoting/requests/get-kvlist-by-namespace.ts'
import { getNamesrvConfig } from '../remoting/requests/get-namesrv-config.ts'
import { getRouteinfoByTopic } from '../remoting/requests/get-routeinfo-by-topic.ts'
import { getSystemTopicListFromNs } from '../remoting/requests/get-system-topic-list-from-ns.ts'
import { getTopicsByCluster } from '../remoting/requests/get-topics-by-cluster.ts'
import { getUnitTopicList } from '../remoting/requests/get-unit-topic-list.ts'
import { putKvConfig } from '../remoting/requests/put-kv-config.ts'
import { queryDataVersion } from '../remoting/requests/query-data-version.ts'
import { registerBroker } from '../remoting/requests/register-broker.ts'
import { registerTopicInNamesrv } from '../remoting/requests/register-topic-in-namesrv.ts'
import { unregisterBroker } from '../remoting/requests/unregister-broker.ts'
import { updateNamesrvConfig } from '../remoting/requests/update-namesrv-config.ts'
import { wipeWritePermOfBroker } from '../remoting/requests/wipe-write-perm-of-broker.ts'
import { type HandlerRow, serve } from './handler-row.ts'
import { handleAddWritePermOfBroker } from './handlers/add-write-perm-of-broker.ts'
import { handleBrokerHeartbeat } from './handlers/broker-heartbeat.ts'
import { handleDeleteKvConfig } from './handlers/delete-kv-config.ts'
import { handleDeleteTopicInNamesrv } from './handlers/delete-topic-in-namesrv.ts'
import { handleGetAllTopicListFromNameserver } from './handlers/get-all-topic-list-from-nameserver.ts'
import { handleGetBrokerClusterInfo } from './handlers/get-broker-cluster-info.ts'
import { handleGetBrokerMemberGroup } from './handlers/get-broker-member-group.ts'
import { handleGetHasUnitSubTopicList } from './handlers/get-has-unit-sub-topic-list.ts'
import { handleGetHasUnitSubUnunitTopicList } from './handlers/get-has-unit-sub-ununit-topic-list.ts'
import { handleGetKvConfig } from './handlers/get-kv-config.ts'
import { handleGetKvlistByNamespace } from './handlers/get-kvlist-by-namespace.ts'
import { handleGetNamesrvConfig } from './handlers/get-namesrv-config.ts'
import { handleGetRouteinfoByTopic } from './handlers/get-routeinfo-by-topic.ts'
import { handleGetSystemTopicListFromNs } from './handlers/get-system-topic-list-from-ns.ts'
import { handleGetTopicsByCluster } from './handlers/get-topics-by-cluster.ts'
import { handleGetUnitTopicList } from './handlers/get-unit-topic-list.ts'
import { handlePutKvConfig } from './handlers/put-kv-config.ts'
import { handleQueryDataVersion } from './handlers/query-data-version.ts'
import { handleRegisterBroker } from './handlers/register-broker.ts'
import { handleRegisterTopicInNamesrv } from './handlers/register-topic-in-namesrv.ts'
import { handleUnregisterBroker } from './handlers/unregister-broker.ts'
import { handleUpdateNamesrvConfig } from './handlers/update-namesrv-config.ts'
import { handleWipeWritePermOfBroker } from './handlers/wipe-write-perm-of-broker.ts'

/** Every code that a nameserver serves, in the order of the codes; others are answered with 3. */
export const handlers: readonly HandlerRow[] = [
  serve(putKvConfig, handlePutKvConfig),
  serve(getKvConfig, handleGetKvConfig),
  serve(deleteKvConfig, handleDeleteKvConfig),
  serve(registerBroker, handleRegisterBroker),
  serve(unregisterBroker, handleUnregisterBroker),
  serve(getRouteinfoByTopic, handleGetRouteinfoByTopic),
  serve(getBrokerClusterInfo, handleGetBrokerClusterInfo),
  serve(wipeWritePermOfBroker, handleWipeWritePermOfBroker),
  serve(getAllTopicListFromNameserver, handleGetAllTopicListFromNameserver),
  serve(deleteTopicInNamesrv, handleDeleteTopicInNamesrv),
  serve(registerTopicInNamesrv, handleRegisterTopicInNamesrv),
  serve(getKvlistByNamespace, handleGetKvlistByNamespace),
  serve(getTopicsByCluster, handleGetTopicsByCluster),
  serve(getSystemTopicListFromNs, handleGetSystemTopicListFromNs),
  serve(getUnitTopicList, handleGetUnitTopicList),
  serve(getHasUnitSubTopicList, handleGetHasUnitSubTopicList),
  serve(getHasUnitSubUnunitTopicList, handleGetHasUnitSubUnunitTopicList),
  serve(updateNamesrvConfig, handleUpdateNamesrvConfig),
  serve(getNamesrvConfig, handleGetNamesrvConfig),
  serve(queryDataVersion, handleQueryDataVersion),
  serve(addWritePermOfBroker, handleAddWritePermOfBroker),
  serve(getBrokerMemberGroup, handleGetBrokerMemberGroup),
  serve(brokerHeartbeat, handleBrokerHeartbeat),
]
