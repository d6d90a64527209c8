import { request } from '../request.ts'

/**
 * From: Java push consumer with clientRebalance=false. To: broker.
 * Body: {topic, consumerGroup, clientId, strategyName, messageModel}.
 * Answer: body {messageQueueAssignments:[{messageQueue,mode,attachments}]}.
 */
export const queryAssignment = request({
  code: 400,
  name: 'QUERY_ASSIGNMENT',
})
