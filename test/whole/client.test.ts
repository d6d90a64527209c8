import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  IllegalMessageError,
  type ReceivedMessage,
  SendError,
  TopicNotFoundError,
} from '../../client/client.ts'
import { until } from '../support/broker-fixture.ts'
import { startWholeCluster } from '../support/whole-cluster.ts'

const bodies = (messages: Iterable<ReceivedMessage>): string[] =>
  [...messages].map(({ body }) => body.toString()).sort()
const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`).sort()

test('everything that was sent is received once, in both header forms', async (t) => {
  const cluster = await startWholeCluster(t)
  for (const headerForm of ['json', 'binary'] as const) {
    const client = cluster.client({ headerForm })
    const topic = `plain-${headerForm}`
    const producer = client.producer({ group: 'pg' })
    const results = await Promise.all(
      numbered(100).map((body) =>
        producer.send({ topic, body, tags: 'a', keys: body, properties: { colour: 'red' } }),
      ),
    )
    assert.ok(results.every((result) => result.status === 'SEND_OK'))
    const received: ReceivedMessage[] = []
    await client.pushConsumer({
      group: `g-${headerForm}`,
      subscriptions: { [topic]: '*' },
      from: 'first',
      onMessage: (message) => void received.push(message),
    })
    await until('all messages', () => received.length >= 100)
    assert.deepEqual(bodies(received), numbered(100))
    const one = received.find((message) => message.body.toString() === 'm7')
    assert.deepEqual([one?.tags, one?.keys, one?.properties.colour], ['a', ['m7'], 'red'])
  }
})

test('a tag filter lets through what it names, and nothing else', async (t) => {
  const client = (await startWholeCluster(t)).client()
  const producer = client.producer()
  for (const tags of ['a', 'b', 'c']) await producer.send({ topic: 'tagged', body: tags, tags })
  await producer.send({ topic: 'tagged', body: 'none' })
  const received: ReceivedMessage[] = []
  await client.pushConsumer({
    group: 'filtering',
    subscriptions: { tagged: 'a || c' },
    from: 'first',
    onMessage: (message) => void received.push(message),
  })
  await until('both', () => received.length >= 2)
  await producer.send({ topic: 'tagged', body: 'a', tags: 'a' })
  await until('the third', () => received.length >= 3)
  assert.deepEqual(bodies(received), ['a', 'a', 'c'])
})

test('a message whose handler fails comes again, and at last lies in the dead letter queue', async (t) => {
  const cluster = await startWholeCluster(t, { text: 'messageDelayLevel=1s 1s 1s 1s 1s' })
  const client = cluster.client()
  await client.producer().send({ topic: 'failing', body: 'x', keys: 'k' })
  const deliveries: number[] = []
  await client.pushConsumer({
    group: 'gf',
    subscriptions: { failing: '*' },
    from: 'first',
    maxReconsumeTimes: 2,
    onMessage: (message) => {
      assert.equal(message.topic, 'failing')
      deliveries.push(message.reconsumeTimes)
      throw new Error('not today')
    },
  })
  await until('three deliveries', () => deliveries.length === 3, 10_000)
  const dead: ReceivedMessage[] = []
  await until(
    'the dead letter queue',
    () => cluster.brokers[0]?.broker.parts.topics.get('%DLQ%gf') !== undefined,
  )
  await cluster.client().pushConsumer({
    group: 'undertaker',
    subscriptions: { '%DLQ%gf': '*' },
    from: 'first',
    onMessage: (message) => void dead.push(message),
  })
  await until('the dead letter', () => dead.length === 1)
  assert.deepEqual(deliveries, [0, 1, 2])
  assert.equal(dead[0]?.properties.RETRY_TOPIC, 'failing')
})

test('members of a group share the queues, and one that leaves hands its queues over', async (t) => {
  const cluster = await startWholeCluster(t, { brokers: 2 })
  const producer = cluster.client().producer()
  await producer.send({ topic: 'shared', body: 'first' })
  await producer.send({ topic: 'shared', body: 'first' })
  const seen: ReceivedMessage[] = []
  const member = async (clientId: string) => {
    const client = cluster.client({ clientId })
    const options = { group: 'sharing', subscriptions: { shared: '*' }, from: 'first' } as const
    return client.pushConsumer({ ...options, onMessage: (message) => void seen.push(message) })
  }
  const ownQueues = (consumer: { queues: readonly { topic: string }[] }): number =>
    consumer.queues.filter((queue) => queue.topic === 'shared').length
  const one = await member('c1')
  const total = ownQueues(one)
  assert.ok(total >= 4)
  const two = await member('c2')
  await until('an even split', () => ownQueues(one) === total / 2 && ownQueues(two) === total / 2, 10_000)
  await one.close()
  await until('the rest takes over', () => ownQueues(two) === total, 10_000)
  const before = seen.length
  await Promise.all(numbered(40).map((body) => producer.send({ topic: 'shared', body })))
  await until('all messages', () => seen.length >= before + 40)
  assert.deepEqual(bodies(seen.slice(before)), numbered(40))
})

test('broadcasting gives every message to every member', async (t) => {
  const cluster = await startWholeCluster(t)
  await cluster.client().producer().send({ topic: 'news', body: 'm0' })
  const inboxes: ReceivedMessage[][] = [[], []]
  for (const inbox of inboxes) {
    await cluster.client({ clientId: `b${inboxes.indexOf(inbox)}` }).pushConsumer({
      group: 'everybody',
      model: 'broadcasting',
      subscriptions: { news: '*' },
      from: 'first',
      onMessage: (message) => void inbox.push(message),
    })
  }
  await cluster.client().producer().send({ topic: 'news', body: 'm1' })
  await until('both inboxes', () => inboxes.every((inbox) => inbox.length >= 2))
  for (const inbox of inboxes) assert.deepEqual(bodies(inbox), ['m0', 'm1'])
})

test('ordered consumption keeps the order of each queue, also when a message fails once', async (t) => {
  const client = (await startWholeCluster(t)).client()
  const producer = client.producer()
  for (let i = 0; i < 60; i++) {
    await producer.send({ topic: 'steps', body: `${i % 3}:${i}`, shardingKey: `order-${i % 3}` })
  }
  const seen: string[] = []
  let failures = 0
  await client.pushConsumer({
    group: 'orderly',
    ordered: true,
    subscriptions: { steps: '*' },
    from: 'first',
    onMessage: async (message) => {
      if (message.body.toString() === '1:31' && failures++ === 0) throw new Error('once')
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
      seen.push(message.body.toString())
    },
  })
  await until('all steps', () => seen.length >= 60, 15_000)
  for (const key of ['0', '1', '2']) {
    const steps = seen.filter((body) => body.startsWith(`${key}:`)).map((body) => Number(body.slice(2)))
    assert.deepEqual(
      steps,
      [...steps].sort((a, b) => a - b),
    )
    assert.equal(steps.length, 20)
  }
  assert.equal(failures, 2)
})

test('a pull consumer reads from where it committed, and seeks', async (t) => {
  const cluster = await startWholeCluster(t)
  const producer = cluster.client().producer()
  await Promise.all(numbered(30).map((body) => producer.send({ topic: 'pulled', body })))
  const read = async (wanted: number) => {
    const consumer = await cluster
      .client()
      .pullConsumer({ group: 'puller', from: 'first', pollTimeoutMs: 1000 })
    await consumer.assign(await consumer.queues('pulled'))
    const messages: ReceivedMessage[] = []
    while (messages.length < wanted) messages.push(...((await consumer.poll())?.messages ?? []))
    return { consumer, messages }
  }
  const first = await read(30)
  assert.deepEqual(bodies(first.messages), numbered(30))
  await first.consumer.commit()
  await first.consumer.close()
  await producer.send({ topic: 'pulled', body: 'new' })
  const second = await read(1)
  assert.deepEqual(bodies(second.messages), ['new'])
  const [queue] = await second.consumer.queues('pulled')
  assert.ok(queue)
  second.consumer.seek(queue, 0)
  const again = await second.consumer.poll()
  assert.equal(again?.messages[0]?.queueOffset, 0)
  assert.equal(await second.consumer.minOffset(queue), 0)
  const byTime = await second.consumer.offsetByTime(queue, (again?.messages[1]?.storeTimestamp ?? 0) + 60_000)
  assert.equal(byTime, await second.consumer.maxOffset(queue))
})

test('messages, offsets and topics are all there after a restart', async (t) => {
  const cluster = await startWholeCluster(t)
  const producer = cluster.client().producer()
  const sent = await Promise.all(
    numbered(50).map((body) => producer.send({ topic: 'lasting', body, keys: body })),
  )
  const client = cluster.client()
  const seen: ReceivedMessage[] = []
  const consumer = await client.pushConsumer({
    group: 'lasting-group',
    subscriptions: { lasting: '*' },
    from: 'first',
    onMessage: (message) => void seen.push(message),
  })
  await until('all', () => seen.length === 50)
  await consumer.close()
  await cluster.restartBroker()
  const after = cluster.client()
  const producerAfter = after.producer()
  await producerAfter.send({ topic: 'lasting', body: 'later' })
  const again: ReceivedMessage[] = []
  await after.pushConsumer({
    group: 'lasting-group',
    subscriptions: { lasting: '*' },
    from: 'first',
    onMessage: (message) => void again.push(message),
  })
  await until('the new one', () => again.length >= 1)
  assert.deepEqual(bodies(again), ['later'])
  assert.deepEqual(bodies(await after.queryByKey('lasting', 'm9')), ['m9'])
  const byUniqueId = await after.queryByKey('lasting', sent[3]?.messageId ?? '', { isUniqueId: true })
  assert.equal(byUniqueId.length, 1)
  const byOffset = await after.messageById(sent[4]?.offsetMessageId ?? '', 'lasting')
  assert.equal(byOffset?.messageId, sent[4]?.messageId)
})

test('a producer goes on by itself when its broker was restarted', async (t) => {
  const cluster = await startWholeCluster(t)
  const producer = cluster.client().producer({ retries: 5 })
  await producer.send({ topic: 'going-on', body: 'before' })
  await cluster.restartBroker()
  assert.equal((await producer.send({ topic: 'going-on', body: 'after' })).status, 'SEND_OK')
})

test('errors say what was wrong and what to do', async (t) => {
  const cluster = await startWholeCluster(t, { text: 'autoCreateTopicEnable=false' })
  const producer = cluster.client().producer({ retries: 1, sendTimeoutMs: 500 })
  await assert.rejects(producer.send({ topic: 'absent', body: 'x' }), TopicNotFoundError)
  await assert.rejects(producer.send({ topic: 'a b', body: 'x' }), IllegalMessageError)
  await assert.rejects(producer.send({ topic: 'ok', body: '' }), /the body is empty/)
  await assert.rejects(
    producer.send({ topic: 'ok', body: 'x', properties: { KEYS: 'x' } }),
    /KEYS is reserved/,
  )
  await assert.rejects(producer.sendBatch([]), /at least one message/)
  const aborted = AbortSignal.abort(new Error('enough'))
  await assert.rejects(producer.send({ topic: 'BenchmarkTest', body: 'x' }, { signal: aborted }), /enough/)
  await cluster.brokers[0]?.stop()
  await assert.rejects(producer.send({ topic: 'BenchmarkTest', body: 'x' }), (error) => {
    return error instanceof SendError || error instanceof TopicNotFoundError
  })
})
