import { int, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin wipeWritePerm. To: namesrv.
 */
export const wipeWritePermOfBroker = request({
  code: 205,
  name: 'WIPE_WRITE_PERM_OF_BROKER',
  header: {
    brokerName: string(),
  },
  reply: {
    wipeTopicCount: int(),
  },
})
