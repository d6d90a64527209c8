import { bool, int, long, optional, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: transaction producer (oneway), proxy. To: broker, proxy.
 * Answer: none when oneway; else code only.
 */
export const endTransaction = request({
  code: 37,
  name: 'END_TRANSACTION',
  header: {
    topic: optional(string()),
    producerGroup: string(),
    tranStateTableOffset: long(),
    commitLogOffset: long(),
    commitOrRollback: int(),
    fromTransactionCheck: optional(bool()),
    msgId: string(),
    transactionId: optional(string()),
  },
})
