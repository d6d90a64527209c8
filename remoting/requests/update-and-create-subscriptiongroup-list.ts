import { request } from '../request.ts'

/**
 * From: mqadmin updateSubGroupList. To: broker.
 * Body: {groupConfigList:[SubscriptionGroupConfig]}.
 */
export const updateAndCreateSubscriptiongroupList = request({
  code: 225,
  name: 'UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST',
  bodyBytesMax: 4 * 1024 * 1024,
})
