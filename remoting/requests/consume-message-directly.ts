import { int, optional, string } from '../fields.ts'
import { request, WHOLE_FRAME } from '../request.ts'

/**
 * From: mqadmin, dashboard → broker → client. To: broker relays to client.
 * Body: broker→client: the message in stored layout.
 * Answer: body {order,autoCommit,consumeResult,remark,spentTimeMills}.
 */
export const consumeMessageDirectly = request({
  code: 309,
  name: 'CONSUME_MESSAGE_DIRECTLY',
  header: {
    consumerGroup: string(),
    clientId: optional(string()),
    msgId: optional(string()),
    brokerName: optional(string()),
    topic: optional(string()),
    topicSysFlag: optional(int()),
    groupSysFlag: optional(int()),
  },
  bodyBytesMax: WHOLE_FRAME,
})
