import { connect } from '../client/client.ts'
import type { QuickstartOptions } from './quickstart-producer.ts'

/** Prints every message of `topic`, from the first one on, until Ctrl-C or until `count` came. */
export async function quickstartConsumer({
  namesrvAddr,
  topic,
  count,
  print,
  signal,
}: QuickstartOptions): Promise<void> {
  await using client = connect({ nameservers: namesrvAddr })
  let received = 0
  const { promise: enough, resolve: stop } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => stop())
  await client.pushConsumer({
    group: 'please_rename_unique_group_name_4',
    subscriptions: { [topic]: '*' },
    from: 'first',
    onMessage: (message) => {
      print(
        `Receive New Messages: [queueId=${message.queue.queueId}, queueOffset=${message.queueOffset}, ` +
          `msgId=${message.messageId}, tags=${message.tags ?? ''}, reconsumeTimes=${message.reconsumeTimes}, body=${message.body.toString()}]`,
      )
      received++
      if (received === count) stop()
    },
  })
  print('Consumer Started.')
  await enough
}
