import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Log, silentLog } from '../../base/log.ts'
import { systemTimer, type Timer } from '../../base/timer.ts'
import type { ReceivedMessage } from '../../client/client.ts'
import { until } from './broker-fixture.ts'
import type { WholeCluster } from './whole-cluster.ts'

export interface HonestReport {
  readonly sentCount: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface HonestPair {
  readonly topic: string
  readonly sentCount: number
  /**
   * Stops sending and checks: no send failed, everything sent was received, once and in the order of its queue, the connections
   * are those of the start, and nothing in this process was rejected without anybody looking.
   */
  finish(): Promise<HonestReport>
}

const INTERVAL_MS = 4
const IN_FLIGHT_MAX = 64
/** A machine that is busy with other things is slow, too; what strangers do must not cost an honest client seconds. */
const P99_MAX_MS = 2000

/** For tests in which minutes pass for the servers: heartbeats and route requests come twenty times a second. */
export const hurriedTimer: Timer = {
  every: (ms, run) => systemTimer.every(Math.min(ms, 50), run),
  after: systemTimer.after,
}

let pairs = 0

/** A producer that sends 250 messages a second and a consumer of them, while a test misbehaves beside. */
export async function startHonestPair(
  t: TestContext,
  cluster: WholeCluster,
  options: { readonly isHurried?: boolean } = {},
): Promise<HonestPair> {
  pairs += 1
  const topic = `honest-${pairs}`
  const lost: string[] = []
  const strayErrors: unknown[] = []
  const onStray = (error: unknown): void => void strayErrors.push(error)
  process.on('unhandledRejection', onStray)
  process.on('uncaughtException', onStray)
  const client = cluster.client({
    log: watchDisconnects(lost),
    timer: options.isHurried === true ? hurriedTimer : systemTimer,
  })
  const producer = client.producer({ group: `${topic}-producer`, retries: 0, sendTimeoutMs: 8000 })
  const sent = new Map<string, string>()
  const failures: unknown[] = []
  const latencies: number[] = []
  const received = new Map<string, number>()
  const disorder: string[] = []
  const lastOffsets = new Map<string, number>()
  let inFlight = 0
  let next = 0
  const sendOne = async (): Promise<void> => {
    const body = `honest ${next++}`
    const startedMs = performance.now()
    inFlight += 1
    try {
      const result = await producer.send({ topic, body, keys: body })
      sent.set(body, `${result.queue.queueId}:${result.queueOffset}`)
      latencies.push(performance.now() - startedMs)
    } catch (error) {
      failures.push(error)
    } finally {
      inFlight -= 1
    }
  }
  const take = (message: ReceivedMessage): void => {
    const body = message.body.toString()
    received.set(body, (received.get(body) ?? 0) + 1)
    const queue = `${message.queue.brokerName}:${message.queue.queueId}`
    if (message.queueOffset <= (lastOffsets.get(queue) ?? -1))
      disorder.push(`${queue}:${message.queueOffset}`)
    lastOffsets.set(queue, message.queueOffset)
  }
  await sendOne()
  await client.pushConsumer({
    group: `${topic}-consumer`,
    subscriptions: { [topic]: '*' },
    from: 'first',
    concurrency: 1,
    onMessage: take,
  })
  const sending = setInterval(() => {
    if (inFlight < IN_FLIGHT_MAX) void sendOne()
  }, INTERVAL_MS)
  const stop = (): void => {
    clearInterval(sending)
    process.off('unhandledRejection', onStray)
    process.off('uncaughtException', onStray)
  }
  t.after(stop)
  return {
    topic,
    get sentCount() {
      return sent.size
    },
    async finish() {
      clearInterval(sending)
      await until('the honest sends are answered', () => inFlight === 0, 10_000)
      assert.deepEqual(failures, [], 'no honest send failed')
      await until('the honest messages are received', () => received.size >= sent.size, 10_000)
      stop()
      assert.deepEqual([...received.keys()].sort(), [...sent.keys()].sort(), 'received is what was sent')
      assert.deepEqual(
        [...received].filter(([, count]) => count !== 1),
        [],
        'nothing was received twice',
      )
      assert.deepEqual(disorder, [], 'each queue was received in its order')
      assert.deepEqual(lost, [], 'the honest connections were never closed')
      assert.deepEqual(strayErrors, [], 'no rejection and no exception went unseen')
      latencies.sort((a, b) => a - b)
      const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0
      const report = { sentCount: sent.size, p50Ms: at(0.5), p99Ms: at(0.99) }
      assert(report.p99Ms < P99_MAX_MS, `the p99 of honest sends was ${report.p99Ms} ms`)
      t.diagnostic(
        `honest: ${report.sentCount} messages, p50 ${report.p50Ms.toFixed(1)} ms, p99 ${report.p99Ms.toFixed(1)} ms`,
      )
      return report
    },
  }
}

function watchDisconnects(lost: string[]): Log {
  const log: Log = {
    ...silentLog,
    debug: (event, fields) => {
      if (event === 'remoting.disconnected') lost.push(`${fields?.address}: ${fields?.reason}`)
    },
    with: () => log,
  }
  return log
}
