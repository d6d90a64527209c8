import { request } from '../request.ts'

/**
 * From: every client, every 30 s. To: broker, proxy.
 * Body: HeartbeatData JSON.
 * Answer: extFields IS_SUPPORT_HEART_BEAT_V2, IS_SUB_CHANGE; the frame version is taken as the broker version.
 */
export const heartBeat = request({
  code: 34,
  name: 'HEART_BEAT',
  // A thousand groups with their subscriptions come to some 300 KB.
  bodyBytesMax: 2 * 1024 * 1024,
})
