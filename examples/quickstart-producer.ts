import { connect } from '../client/client.ts'

export interface QuickstartOptions {
  readonly namesrvAddr: string
  readonly topic: string
  /** Messages to send, or to wait for (0 = until the signal). */
  readonly count: number
  readonly print: (line: string) => void
  readonly signal: AbortSignal
}

/** Sends `count` messages to `topic` and prints each result, like RocketMQ's quickstart Producer. */
export async function quickstartProducer({
  namesrvAddr,
  topic,
  count,
  print,
  signal,
}: QuickstartOptions): Promise<void> {
  await using client = connect({ nameservers: namesrvAddr })
  const producer = client.producer({ group: 'please_rename_unique_group_name' })
  for (let i = 0; i < count && !signal.aborted; i++) {
    const result = await producer.send({ topic, tags: 'TagA', body: `Hello RocketMQ ${i}` })
    const { brokerName, queueId } = result.queue
    print(
      `SendResult [sendStatus=${result.status}, msgId=${result.messageId}, offsetMsgId=${result.offsetMessageId}, ` +
        `messageQueue=MessageQueue [topic=${topic}, brokerName=${brokerName}, queueId=${queueId}], queueOffset=${result.queueOffset}]`,
    )
  }
}
