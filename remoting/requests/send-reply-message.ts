import { request, WHOLE_FRAME } from '../request.ts'
import { sendHeader, sendReply } from './send-message.ts'

/**
 * From: consumer of a request-reply (Java if sendSmartMsg=false). To: broker.
 * Body: reply body.
 */
export const sendReplyMessage = request({
  code: 324,
  name: 'SEND_REPLY_MESSAGE',
  header: sendHeader,
  reply: sendReply,
  bodyBytesMax: WHOLE_FRAME,
})
