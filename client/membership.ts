import { isRetryTopic } from '../message/names.ts'
import { consumerListBody } from '../remoting/bodies/consumer-list.ts'
import { lockedQueuesBody, lockQueuesRequestBody } from '../remoting/bodies/lock-queues.ts'
import { getConsumerListByGroup } from '../remoting/requests/get-consumer-list-by-group.ts'
import { lockBatchMq } from '../remoting/requests/lock-batch-mq.ts'
import { unlockBatchMq } from '../remoting/requests/unlock-batch-mq.ts'
import { allocateAveragely } from './allocate.ts'
import type { MessageModel, MessageQueue } from './message.ts'
import type { Session } from './session.ts'

const CALL_TIMEOUT_MS = 3000

/** The queues of one topic that this client should read now. Undefined: cannot be told, keep what there is. */
export async function assignedQueues(
  session: Session,
  group: string,
  topic: string,
  model: MessageModel,
): Promise<readonly MessageQueue[] | undefined> {
  const route = await session.routes.get(topic)
  if (!route) return isRetryTopic(topic) ? undefined : []
  if (model === 'broadcasting') return route.subscribeQueues
  const brokers = [...route.brokers.keys()]
  const address = session.routes.brokerAddress(
    brokers[Math.floor(session.random() * brokers.length)] ?? '',
    true,
  )
  if (address === undefined) return undefined
  const options = { timeoutMs: CALL_TIMEOUT_MS }
  const answer = await session.remoting.call(
    address,
    getConsumerListByGroup,
    { consumerGroup: group },
    options,
  )
  return allocateAveragely(
    session.clientId,
    consumerListBody.decode(answer.body).consumerIdList,
    route.subscribeQueues,
  )
}

/** Asks for the broker-side locks of ordered consumption; returns those that are held now. */
export async function lockQueues(
  session: Session,
  group: string,
  queues: readonly MessageQueue[],
): Promise<readonly MessageQueue[]> {
  const locked = await Promise.all(
    byBroker(queues).map(async ([brokerName, mqSet]) => {
      const address = session.routes.brokerAddress(brokerName)
      if (address === undefined) return []
      const body = lockQueuesRequestBody.encode({
        consumerGroup: group,
        clientId: session.clientId,
        onlyThisBroker: false,
        mqSet,
      })
      const answer = await session.remoting.call(
        address,
        lockBatchMq,
        {},
        { timeoutMs: CALL_TIMEOUT_MS, body },
      )
      return lockedQueuesBody.decode(answer.body).lockOKMQSet
    }),
  )
  return locked.flat()
}

export async function unlockQueues(
  session: Session,
  group: string,
  queues: readonly MessageQueue[],
): Promise<void> {
  await Promise.all(
    byBroker(queues).map(async ([brokerName, mqSet]) => {
      const address = session.routes.brokerAddress(brokerName)
      if (address === undefined) return
      const body = lockQueuesRequestBody.encode({
        consumerGroup: group,
        clientId: session.clientId,
        onlyThisBroker: false,
        mqSet,
      })
      await session.remoting
        .call(address, unlockBatchMq, {}, { timeoutMs: CALL_TIMEOUT_MS, body })
        .catch(() => undefined)
    }),
  )
}

function byBroker(queues: readonly MessageQueue[]): [string, MessageQueue[]][] {
  const all = new Map<string, MessageQueue[]>()
  for (const queue of queues) {
    const list = all.get(queue.brokerName)
    if (list) list.push(queue)
    else all.set(queue.brokerName, [queue])
  }
  return [...all]
}
