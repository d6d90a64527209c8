import { string } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin statsAll, dashboard. To: broker.
 * Answer: body {statsMinute,statsHour,statsDay: {sum,tps,avgpt}}; 1 when there is no such stat.
 */
export const viewBrokerStatsData = request({
  code: 315,
  name: 'VIEW_BROKER_STATS_DATA',
  header: {
    statsName: string(),
    statsKey: string(),
  },
})
