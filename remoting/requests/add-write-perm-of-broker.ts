import { int, string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin addWritePerm. To: namesrv.
 */
export const addWritePermOfBroker = request({
  code: 327,
  name: 'ADD_WRITE_PERM_OF_BROKER',
  header: {
    brokerName: string(),
  },
  reply: {
    addTopicCount: int(),
  },
})
