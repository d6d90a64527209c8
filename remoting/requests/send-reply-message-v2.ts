import { request, WHOLE_FRAME } from '../request.ts'
import { sendReply } from './send-message.ts'
import { sendV2Header } from './send-message-v2.ts'

/**
 * From: consumer of a request-reply (Java default). To: broker.
 * Body: reply body.
 */
export const sendReplyMessageV2 = request({
  code: 325,
  name: 'SEND_REPLY_MESSAGE_V2',
  header: sendV2Header,
  reply: sendReply,
  bodyBytesMax: WHOLE_FRAME,
})
