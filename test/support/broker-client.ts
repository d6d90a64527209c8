import type { TestContext } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { RemotingClient } from '../../remoting/client.ts'
import { Dispatcher } from '../../remoting/dispatch.ts'
import type { FieldTable, HeaderOf } from '../../remoting/fields.ts'
import type { RequestKind } from '../../remoting/request.ts'
import { heartBeat } from '../../remoting/requests/heart-beat.ts'
import { notifyConsumerIdsChanged } from '../../remoting/requests/notify-consumer-ids-changed.ts'
import { sendMessageV2 } from '../../remoting/requests/send-message-v2.ts'
import type { TestBroker } from './broker-fixture.ts'

/** Every answer is shown, whatever its code. */
const ALL_CODES = Array.from({ length: 300 }, (_, code) => code)

export interface Said {
  readonly code: number
  /** '' when there is none. */
  readonly remark: string
  readonly ext: Readonly<Record<string, string>>
  readonly text: string
}

/** A client of its own connection, as consumers and producers are to a broker. */
export interface TestClient {
  readonly remoting: RemotingClient
  /** Groups of the notices (code 40) so far. */
  readonly notices: string[]
  ask<H extends FieldTable, R extends FieldTable>(
    kind: RequestKind<H, R>,
    header: HeaderOf<H>,
    body?: string,
  ): Promise<Said>
  /** One-way. */
  tell<H extends FieldTable>(
    kind: RequestKind<H, FieldTable>,
    header: HeaderOf<H>,
    body?: string,
  ): Promise<void>
  beat(body: object): Promise<Said>
  close(): void
}

export function connectTo(t: TestContext, { address }: TestBroker): TestClient {
  const notices: string[] = []
  const onRequest = new Dispatcher({ log: silentLog })
  onRequest.on(notifyConsumerIdsChanged, ({ header }) => {
    notices.push(header.consumerGroup)
    return {}
  })
  const remoting = new RemotingClient({ log: silentLog, clock: systemClock, onRequest })
  t.after(() => remoting.close())
  const client: TestClient = {
    remoting,
    notices,
    async ask(kind, header, body) {
      const answer = await remoting.call(address, kind, header, {
        timeoutMs: 10_000,
        codes: ALL_CODES,
        ...(body === undefined ? undefined : { body: Buffer.from(body) }),
      })
      return {
        code: answer.command.code,
        remark: answer.command.remark ?? '',
        ext: { ...answer.command.ext },
        text: answer.body.toString('utf8'),
      }
    },
    tell: (kind, header, body) =>
      remoting.tell(address, kind, header, body === undefined ? undefined : Buffer.from(body)),
    beat: (body) => client.ask(heartBeat, {}, JSON.stringify(body)),
    close: () => remoting.close(),
  }
  return client
}

/** A heartbeat of one consumer group, as Java clients send it. */
export const consumerBeat = (
  clientID: string,
  group: string,
  topics: readonly string[] = ['T'],
  more: Record<string, unknown> = {},
): object => ({
  clientID,
  producerDataSet: [],
  consumerDataSet: [
    {
      groupName: group,
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
      subscriptionDataSet: topics.map((topic) => ({ topic, subString: '*', subVersion: 1 })),
      unitMode: false,
      ...more,
    },
  ],
  heartbeatFingerprint: 0,
  withoutSub: false,
})

/** Sends a message and resolves to where it is. */
export async function sendTo(
  client: TestClient,
  topic: string,
  body: string,
  more: { readonly properties?: string; readonly queueId?: number } = {},
): Promise<{ readonly msgId: string; readonly position: number; readonly queueId: number }> {
  const said = await client.ask(
    sendMessageV2,
    {
      producerGroup: 'P',
      topic,
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      queueId: more.queueId ?? 0,
      sysFlag: 0,
      bornTimestamp: 1_700_000_000_000,
      flag: 0,
      properties: more.properties ?? '',
      reconsumeTimes: 0,
      unitMode: false,
      batch: false,
    },
    body,
  )
  if (said.code !== 0) throw new Error(`${said.code} ${said.remark}`)
  const msgId = said.ext.msgId ?? ''
  return { msgId, position: Number.parseInt(msgId.slice(-16), 16), queueId: Number(said.ext.queueId) }
}
