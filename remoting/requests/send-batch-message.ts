import { request, WHOLE_FRAME } from '../request.ts'
import { sendReply } from './send-message.ts'
import { sendV2Header } from './send-message-v2.ts'

/**
 * From: producer (batch send; Java and Go both use the V2 letters here). To: broker, proxy.
 * Body: batch body.
 */
export const sendBatchMessage = request({
  code: 320,
  name: 'SEND_BATCH_MESSAGE',
  header: sendV2Header,
  reply: sendReply,
  bodyBytesMax: WHOLE_FRAME,
})
