import { bool } from '../fields.ts'
import { request } from '../request.ts'

/**
 * From: mqadmin brokerConsumeStats. To: broker.
 * Answer: body ConsumeStatsList {consumeStatsList:[{group:[ConsumeStats]}], brokerAddr, totalDiff, totalInflightDiff}.
 */
export const getBrokerConsumeStats = request({
  code: 317,
  name: 'GET_BROKER_CONSUME_STATS',
  header: {
    isOrder: bool(),
  },
})
