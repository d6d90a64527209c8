import { request } from '../request.ts'
import { pullHeader, pullReply } from './pull-message.ts'

/**
 * From: lite pull consumer (DefaultLitePullConsumer). To: broker (not on fast port), proxy.
 */
export const litePullMessage = request({
  code: 361,
  name: 'LITE_PULL_MESSAGE',
  header: pullHeader,
  reply: pullReply,
})
