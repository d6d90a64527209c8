import { long, optional, string } from '../fields.ts'
import { request, WHOLE_FRAME } from '../request.ts'

/**
 * From: broker (oneway). To: client (producer), proxy.
 * Body: half message, stored layout, real topic put back.
 * Answer: none (client answers with 37, fromTransactionCheck=true).
 */
export const checkTransactionState = request({
  code: 39,
  name: 'CHECK_TRANSACTION_STATE',
  header: {
    topic: optional(string()),
    tranStateTableOffset: long(),
    commitLogOffset: long(),
    msgId: optional(string()),
    transactionId: optional(string()),
    offsetMsgId: optional(string()),
  },
  bodyBytesMax: WHOLE_FRAME,
})
