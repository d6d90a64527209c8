import type { Log } from '../base/log.ts'
import { Dispatcher } from '../remoting/dispatch.ts'
import { deleteTopicInBroker } from '../remoting/requests/delete-topic-in-broker.ts'
import { getAllTopicConfig } from '../remoting/requests/get-all-topic-config.ts'
import { getEarliestMsgStoretime } from '../remoting/requests/get-earliest-msg-storetime.ts'
import { getMaxOffset } from '../remoting/requests/get-max-offset.ts'
import { getMinOffset } from '../remoting/requests/get-min-offset.ts'
import { getTopicConfig } from '../remoting/requests/get-topic-config.ts'
import { litePullMessage } from '../remoting/requests/lite-pull-message.ts'
import { pullMessage } from '../remoting/requests/pull-message.ts'
import { queryMessage } from '../remoting/requests/query-message.ts'
import { searchOffsetByTimestamp } from '../remoting/requests/search-offset-by-timestamp.ts'
import { sendBatchMessage } from '../remoting/requests/send-batch-message.ts'
import { sendMessage } from '../remoting/requests/send-message.ts'
import { sendMessageV2 } from '../remoting/requests/send-message-v2.ts'
import { updateAndCreateTopic } from '../remoting/requests/update-and-create-topic.ts'
import { updateAndCreateTopicList } from '../remoting/requests/update-and-create-topic-list.ts'
import { viewMessageById } from '../remoting/requests/view-message-by-id.ts'
import { adminRoutes, clientRoutes } from './client-routes.ts'
import { PullPath } from './handlers/pull-message.ts'
import * as query from './handlers/query-message.ts'
import * as queueOffsets from './handlers/queue-offsets.ts'
import type { SendPath } from './handlers/send-message.ts'
import * as topicAdmin from './handlers/topic-admin.ts'
import * as view from './handlers/view-message.ts'
import type { BrokerParts } from './parts.ts'
import { type BrokerRoute, READS_A_MESSAGE, READS_MANY, serve } from './route.ts'
import { asRequestError } from './store-errors.ts'

const dataRoutes: readonly BrokerRoute[] = [
  serve(queryMessage, query.queryMessage, READS_MANY),
  serve(viewMessageById, view.viewMessage, READS_A_MESSAGE),
  serve(searchOffsetByTimestamp, queueOffsets.searchOffset),
  serve(getMaxOffset, queueOffsets.getMaxOffset),
  serve(getMinOffset, queueOffsets.getMinOffset),
  serve(getEarliestMsgStoretime, queueOffsets.earliestStoreTime),
  serve(updateAndCreateTopic, topicAdmin.updateTopic),
  serve(updateAndCreateTopicList, topicAdmin.updateTopicList),
  serve(deleteTopicInBroker, topicAdmin.deleteTopic),
  serve(getAllTopicConfig, topicAdmin.listTopics),
  serve(getTopicConfig, topicAdmin.getTopicConfig),
]

/** An empty table that knows how the broker's errors are answered. `onFailure`: a failed assertion, the process has to stop. */
export function newDispatcher(log: Log, onFailure: (error: Error) => void): Dispatcher {
  return new Dispatcher({
    log,
    onFailure,
    toReply: (error) => {
      const refused = asRequestError(error)
      return refused === undefined ? undefined : { code: refused.code, remark: refused.remark }
    },
  })
}

/**
 * The one table from request code to handler; codes that are not in it are answered 3. The fast ("VIP") port serves
 * everything but pulls (protocol §1.8).
 */
export function fillDispatcher(
  dispatcher: Dispatcher,
  parts: BrokerParts,
  options: { readonly sendPath: SendPath; readonly servesPulls: boolean },
): void {
  const { sendPath } = options
  dispatcher.on(sendMessage, sendPath.handle)
  dispatcher.on(sendMessageV2, sendPath.handle)
  dispatcher.on(sendBatchMessage, sendPath.handle)
  if (options.servesPulls) {
    const pull = new PullPath(parts).handle
    dispatcher.on(pullMessage, pull, { waits: true })
    dispatcher.on(litePullMessage, pull, { waits: true })
  }
  for (const route of [...dataRoutes, ...clientRoutes, ...adminRoutes]) route.addTo(dispatcher, parts)
}
