import type { FieldTable } from './fields.ts'
import type { RequestKind } from './request.ts'
import { addWritePermOfBroker } from './requests/add-write-perm-of-broker.ts'
import { brokerHeartbeat } from './requests/broker-heartbeat.ts'
import { checkClientConfig } from './requests/check-client-config.ts'
import { checkTransactionState } from './requests/check-transaction-state.ts'
import { cleanExpiredConsumequeue } from './requests/clean-expired-consumequeue.ts'
import { cleanUnusedTopic } from './requests/clean-unused-topic.ts'
import { cloneGroupOffset } from './requests/clone-group-offset.ts'
import { consumeMessageDirectly } from './requests/consume-message-directly.ts'
import { consumerSendMsgBack } from './requests/consumer-send-msg-back.ts'
import { deleteExpiredCommitlog } from './requests/delete-expired-commitlog.ts'
import { deleteKvConfig } from './requests/delete-kv-config.ts'
import { deleteSubscriptiongroup } from './requests/delete-subscriptiongroup.ts'
import { deleteTopicInBroker } from './requests/delete-topic-in-broker.ts'
import { deleteTopicInNamesrv } from './requests/delete-topic-in-namesrv.ts'
import { endTransaction } from './requests/end-transaction.ts'
import { getAllConsumerOffset } from './requests/get-all-consumer-offset.ts'
import { getAllDelayOffset } from './requests/get-all-delay-offset.ts'
import { getAllMessageRequestMode } from './requests/get-all-message-request-mode.ts'
import { getAllProducerInfo } from './requests/get-all-producer-info.ts'
import { getAllSubscriptiongroupConfig } from './requests/get-all-subscriptiongroup-config.ts'
import { getAllTopicConfig } from './requests/get-all-topic-config.ts'
import { getAllTopicListFromNameserver } from './requests/get-all-topic-list-from-nameserver.ts'
import { getBrokerClusterInfo } from './requests/get-broker-cluster-info.ts'
import { getBrokerConfig } from './requests/get-broker-config.ts'
import { getBrokerConsumeStats } from './requests/get-broker-consume-stats.ts'
import { getBrokerHaStatus } from './requests/get-broker-ha-status.ts'
import { getBrokerMemberGroup } from './requests/get-broker-member-group.ts'
import { getBrokerRuntimeInfo } from './requests/get-broker-runtime-info.ts'
import { getConsumeStats } from './requests/get-consume-stats.ts'
import { getConsumerConnectionList } from './requests/get-consumer-connection-list.ts'
import { getConsumerListByGroup } from './requests/get-consumer-list-by-group.ts'
import { getConsumerRunningInfo } from './requests/get-consumer-running-info.ts'
import { getConsumerStatusFromClient } from './requests/get-consumer-status-from-client.ts'
import { getEarliestMsgStoretime } from './requests/get-earliest-msg-storetime.ts'
import { getHasUnitSubTopicList } from './requests/get-has-unit-sub-topic-list.ts'
import { getHasUnitSubUnunitTopicList } from './requests/get-has-unit-sub-ununit-topic-list.ts'
import { getKvConfig } from './requests/get-kv-config.ts'
import { getKvlistByNamespace } from './requests/get-kvlist-by-namespace.ts'
import { getMaxOffset } from './requests/get-max-offset.ts'
import { getMinOffset } from './requests/get-min-offset.ts'
import { getNamesrvConfig } from './requests/get-namesrv-config.ts'
import { getProducerConnectionList } from './requests/get-producer-connection-list.ts'
import { getRouteinfoByTopic } from './requests/get-routeinfo-by-topic.ts'
import { getSubscriptiongroupConfig } from './requests/get-subscriptiongroup-config.ts'
import { getSystemTopicListFromBroker } from './requests/get-system-topic-list-from-broker.ts'
import { getSystemTopicListFromNs } from './requests/get-system-topic-list-from-ns.ts'
import { getTimerCheckPoint } from './requests/get-timer-check-point.ts'
import { getTopicConfig } from './requests/get-topic-config.ts'
import { getTopicStatsInfo } from './requests/get-topic-stats-info.ts'
import { getTopicsByCluster } from './requests/get-topics-by-cluster.ts'
import { getUnitTopicList } from './requests/get-unit-topic-list.ts'
import { heartBeat } from './requests/heart-beat.ts'
import { invokeBrokerToGetConsumerStatus } from './requests/invoke-broker-to-get-consumer-status.ts'
import { invokeBrokerToResetOffset } from './requests/invoke-broker-to-reset-offset.ts'
import { litePullMessage } from './requests/lite-pull-message.ts'
import { lockBatchMq } from './requests/lock-batch-mq.ts'
import { notifyConsumerIdsChanged } from './requests/notify-consumer-ids-changed.ts'
import { notifyMinBrokerIdChange } from './requests/notify-min-broker-id-change.ts'
import { pullMessage } from './requests/pull-message.ts'
import { pushReplyMessageToClient } from './requests/push-reply-message-to-client.ts'
import { putKvConfig } from './requests/put-kv-config.ts'
import { queryAssignment } from './requests/query-assignment.ts'
import { queryConsumeQueue } from './requests/query-consume-queue.ts'
import { queryConsumeTimeSpan } from './requests/query-consume-time-span.ts'
import { queryConsumerOffset } from './requests/query-consumer-offset.ts'
import { queryCorrectionOffset } from './requests/query-correction-offset.ts'
import { queryDataVersion } from './requests/query-data-version.ts'
import { queryMessage } from './requests/query-message.ts'
import { querySubscriptionByConsumer } from './requests/query-subscription-by-consumer.ts'
import { queryTopicConsumeByWho } from './requests/query-topic-consume-by-who.ts'
import { queryTopicsByConsumer } from './requests/query-topics-by-consumer.ts'
import { recallMessage } from './requests/recall-message.ts'
import { registerBroker } from './requests/register-broker.ts'
import { registerTopicInNamesrv } from './requests/register-topic-in-namesrv.ts'
import { resetConsumerClientOffset } from './requests/reset-consumer-client-offset.ts'
import { resumeCheckHalfMessage } from './requests/resume-check-half-message.ts'
import { searchOffsetByTimestamp } from './requests/search-offset-by-timestamp.ts'
import { sendBatchMessage } from './requests/send-batch-message.ts'
import { sendMessage } from './requests/send-message.ts'
import { sendMessageV2 } from './requests/send-message-v2.ts'
import { sendReplyMessage } from './requests/send-reply-message.ts'
import { sendReplyMessageV2 } from './requests/send-reply-message-v2.ts'
import { setMessageRequestMode } from './requests/set-message-request-mode.ts'
import { unlockBatchMq } from './requests/unlock-batch-mq.ts'
import { unregisterBroker } from './requests/unregister-broker.ts'
import { unregisterClient } from './requests/unregister-client.ts'
import { updateAndCreateSubscriptiongroup } from './requests/update-and-create-subscriptiongroup.ts'
import { updateAndCreateSubscriptiongroupList } from './requests/update-and-create-subscriptiongroup-list.ts'
import { updateAndCreateTopic } from './requests/update-and-create-topic.ts'
import { updateAndCreateTopicList } from './requests/update-and-create-topic-list.ts'
import { updateAndGetGroupForbidden } from './requests/update-and-get-group-forbidden.ts'
import { updateBrokerConfig } from './requests/update-broker-config.ts'
import { updateConsumerOffset } from './requests/update-consumer-offset.ts'
import { updateNamesrvConfig } from './requests/update-namesrv-config.ts'
import { viewBrokerStatsData } from './requests/view-broker-stats-data.ts'
import { viewMessageById } from './requests/view-message-by-id.ts'
import { wipeWritePermOfBroker } from './requests/wipe-write-perm-of-broker.ts'

/** Every request that is declared, by code. For tests, metrics and authorisation tables; nobody dispatches by it. */
export const requestList: readonly RequestKind<FieldTable, FieldTable>[] = [
  sendMessage,
  pullMessage,
  queryMessage,
  queryConsumerOffset,
  updateConsumerOffset,
  updateAndCreateTopic,
  updateAndCreateTopicList,
  getAllTopicConfig,
  updateBrokerConfig,
  getBrokerConfig,
  getBrokerRuntimeInfo,
  searchOffsetByTimestamp,
  getMaxOffset,
  getMinOffset,
  getEarliestMsgStoretime,
  viewMessageById,
  heartBeat,
  unregisterClient,
  consumerSendMsgBack,
  endTransaction,
  getConsumerListByGroup,
  checkTransactionState,
  notifyConsumerIdsChanged,
  lockBatchMq,
  unlockBatchMq,
  getAllConsumerOffset,
  getAllDelayOffset,
  checkClientConfig,
  getTimerCheckPoint,
  putKvConfig,
  getKvConfig,
  deleteKvConfig,
  registerBroker,
  unregisterBroker,
  getRouteinfoByTopic,
  getBrokerClusterInfo,
  updateAndCreateSubscriptiongroup,
  getAllSubscriptiongroupConfig,
  getTopicStatsInfo,
  getConsumerConnectionList,
  getProducerConnectionList,
  wipeWritePermOfBroker,
  getAllTopicListFromNameserver,
  deleteSubscriptiongroup,
  getConsumeStats,
  deleteTopicInBroker,
  deleteTopicInNamesrv,
  registerTopicInNamesrv,
  getKvlistByNamespace,
  resetConsumerClientOffset,
  getConsumerStatusFromClient,
  invokeBrokerToResetOffset,
  invokeBrokerToGetConsumerStatus,
  getTopicsByCluster,
  updateAndCreateSubscriptiongroupList,
  queryTopicConsumeByWho,
  queryConsumeTimeSpan,
  getSystemTopicListFromNs,
  getSystemTopicListFromBroker,
  cleanExpiredConsumequeue,
  getConsumerRunningInfo,
  queryCorrectionOffset,
  consumeMessageDirectly,
  sendMessageV2,
  getUnitTopicList,
  getHasUnitSubTopicList,
  getHasUnitSubUnunitTopicList,
  cloneGroupOffset,
  viewBrokerStatsData,
  cleanUnusedTopic,
  getBrokerConsumeStats,
  updateNamesrvConfig,
  getNamesrvConfig,
  sendBatchMessage,
  queryConsumeQueue,
  queryDataVersion,
  resumeCheckHalfMessage,
  sendReplyMessage,
  sendReplyMessageV2,
  pushReplyMessageToClient,
  addWritePermOfBroker,
  getAllProducerInfo,
  deleteExpiredCommitlog,
  queryTopicsByConsumer,
  querySubscriptionByConsumer,
  getTopicConfig,
  getSubscriptiongroupConfig,
  updateAndGetGroupForbidden,
  litePullMessage,
  recallMessage,
  queryAssignment,
  setMessageRequestMode,
  getAllMessageRequestMode,
  getBrokerMemberGroup,
  brokerHeartbeat,
  notifyMinBrokerIdChange,
  getBrokerHaStatus,
]
