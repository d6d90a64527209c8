import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: broker (acting-master feature, strict locks). To: namesrv.
 * Answer: body {brokerMemberGroup:{cluster,brokerName,brokerAddrs}}.
 */
export const getBrokerMemberGroup = request({
  code: 901,
  name: 'GET_BROKER_MEMBER_GROUP',
  header: {
    clusterName: string(),
    brokerName: string(),
  },
})
