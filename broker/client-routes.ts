import { consumerSendMsgBack } from '../remoting/requests/consumer-send-msg-back.ts'
import { deleteSubscriptiongroup } from '../remoting/requests/delete-subscriptiongroup.ts'
import { getAllConsumerOffset } from '../remoting/requests/get-all-consumer-offset.ts'
import { getAllDelayOffset } from '../remoting/requests/get-all-delay-offset.ts'
import { getAllSubscriptiongroupConfig } from '../remoting/requests/get-all-subscriptiongroup-config.ts'
import { getBrokerConfig } from '../remoting/requests/get-broker-config.ts'
import { getBrokerRuntimeInfo } from '../remoting/requests/get-broker-runtime-info.ts'
import { getConsumeStats } from '../remoting/requests/get-consume-stats.ts'
import { getConsumerConnectionList } from '../remoting/requests/get-consumer-connection-list.ts'
import { getConsumerListByGroup } from '../remoting/requests/get-consumer-list-by-group.ts'
import { getProducerConnectionList } from '../remoting/requests/get-producer-connection-list.ts'
import { getSubscriptiongroupConfig } from '../remoting/requests/get-subscriptiongroup-config.ts'
import { getTopicStatsInfo } from '../remoting/requests/get-topic-stats-info.ts'
import { heartBeat } from '../remoting/requests/heart-beat.ts'
import { lockBatchMq } from '../remoting/requests/lock-batch-mq.ts'
import { queryConsumerOffset } from '../remoting/requests/query-consumer-offset.ts'
import { queryTopicConsumeByWho } from '../remoting/requests/query-topic-consume-by-who.ts'
import { unlockBatchMq } from '../remoting/requests/unlock-batch-mq.ts'
import { unregisterClient } from '../remoting/requests/unregister-client.ts'
import { updateAndCreateSubscriptiongroup } from '../remoting/requests/update-and-create-subscriptiongroup.ts'
import { updateAndCreateSubscriptiongroupList } from '../remoting/requests/update-and-create-subscriptiongroup-list.ts'
import { updateBrokerConfig } from '../remoting/requests/update-broker-config.ts'
import { updateConsumerOffset } from '../remoting/requests/update-consumer-offset.ts'
import * as config from './handlers/admin/config.ts'
import * as connections from './handlers/admin/connections.ts'
import * as groups from './handlers/admin/groups.ts'
import * as progress from './handlers/admin/progress.ts'
import { brokerRuntimeInfo } from './handlers/admin/runtime-info.ts'
import * as tables from './handlers/admin/tables.ts'
import { consumerList } from './handlers/consumer-list.ts'
import { queryOffset, updateOffset } from './handlers/consumer-offsets.ts'
import { heartbeat, unregister } from './handlers/heartbeat.ts'
import { lockQueues, unlockQueues } from './handlers/queue-locks.ts'
import { sendBack } from './handlers/send-back.ts'
import { type BrokerRoute, COPIES_A_MESSAGE, READS_MANY, serve } from './route.ts'

/** What clients ask beside sending and pulling. */
export const clientRoutes: readonly BrokerRoute[] = [
  serve(heartBeat, heartbeat),
  serve(unregisterClient, unregister),
  serve(getConsumerListByGroup, consumerList),
  serve(queryConsumerOffset, queryOffset),
  serve(updateConsumerOffset, updateOffset),
  serve(lockBatchMq, lockQueues),
  serve(unlockBatchMq, unlockQueues),
  serve(consumerSendMsgBack, sendBack, COPIES_A_MESSAGE),
]

/** What tools ask of groups, clients and the broker itself. */
export const adminRoutes: readonly BrokerRoute[] = [
  serve(getBrokerConfig, config.getConfig),
  serve(updateBrokerConfig, config.updateConfig),
  serve(getBrokerRuntimeInfo, brokerRuntimeInfo),
  serve(updateAndCreateSubscriptiongroup, groups.updateGroup),
  serve(updateAndCreateSubscriptiongroupList, groups.updateGroups),
  serve(getAllSubscriptiongroupConfig, groups.listGroups),
  serve(getSubscriptiongroupConfig, groups.getGroup),
  serve(deleteSubscriptiongroup, groups.deleteGroup),
  serve(getConsumerConnectionList, connections.consumerConnections),
  serve(getProducerConnectionList, connections.producerConnections),
  serve(getTopicStatsInfo, progress.topicStats, READS_MANY),
  serve(getConsumeStats, progress.consumeStats, READS_MANY),
  serve(queryTopicConsumeByWho, progress.topicGroups),
  serve(getAllConsumerOffset, tables.allConsumerOffsets),
  serve(getAllDelayOffset, tables.allDelayOffsets),
]
