import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  topicConfigBody,
  topicConfigListBody,
  topicConfigWrapperBody,
} from '../../remoting/bodies/topic-config.ts'
import type { HeaderOf } from '../../remoting/fields.ts'
import { deleteTopicInBroker } from '../../remoting/requests/delete-topic-in-broker.ts'
import { getAllTopicConfig } from '../../remoting/requests/get-all-topic-config.ts'
import { getTopicConfig } from '../../remoting/requests/get-topic-config.ts'
import { updateAndCreateTopic } from '../../remoting/requests/update-and-create-topic.ts'
import { updateAndCreateTopicList } from '../../remoting/requests/update-and-create-topic-list.ts'
import { startFakeNameserver, startTestBroker, type TestBroker } from '../support/broker-fixture.ts'

type Header = HeaderOf<(typeof updateAndCreateTopic)['header']>

const update = ({ client, address }: TestBroker, overrides: Partial<Header> = {}): Promise<unknown> =>
  client.call(
    address,
    updateAndCreateTopic,
    {
      topic: 'Orders',
      defaultTopic: 'TBW102',
      readQueueNums: 8,
      writeQueueNums: 4,
      perm: 6,
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: 0,
      order: false,
      ...overrides,
    },
    { timeoutMs: 5000 },
  )

async function shown({ client, address }: TestBroker, topic = 'Orders'): Promise<unknown> {
  const { body } = await client.call(address, getTopicConfig, { topic }, { timeoutMs: 5000 })
  return JSON.parse(JSON.stringify(topicConfigBody.decode(body)))
}

const refused = (code: number, remark: RegExp) => (error: unknown) => {
  assert(error instanceof Error)
  assert.equal((error as { code?: unknown }).code, code, error.message)
  assert.match(error.message, remark)
  return true
}

test('a topic is created, changed and shown', async (t) => {
  const broker = await startTestBroker(t)
  await update(broker, { attributes: '+message.type=FIFO', order: true })
  const created = {
    topicName: 'Orders',
    readQueueNums: 8,
    writeQueueNums: 4,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: true,
    attributes: { 'message.type': 'FIFO' },
  }
  assert.deepEqual(await shown(broker), created)
  await update(broker, { perm: 4, attributes: '+message.type=NORMAL' })
  assert.deepEqual(await shown(broker), {
    ...created,
    perm: 4,
    order: false,
    attributes: { 'message.type': 'NORMAL' },
  })
})

test('an equal configuration changes nothing', async (t) => {
  const broker = await startTestBroker(t)
  await update(broker, { attributes: '+message.type=FIFO' })
  const before = broker.broker.parts.topics.dataVersion
  await update(broker, { attributes: '+message.type=FIFO' })
  await update(broker)
  assert.deepEqual(broker.broker.parts.topics.dataVersion, before)
})

test('M9: what a topic may not be is refused with 29 and its rule', async (t) => {
  const broker = await startTestBroker(t)
  const bad: [Partial<Header>, RegExp][] = [
    [{ topic: '' }, /empty/],
    [{ topic: '../x' }, /characters/],
    [{ topic: 'x'.repeat(128) }, /127/],
    [{ topic: 'TBW102' }, /system topic/],
    [{ topic: 'rmq_sys_anything' }, /system topic/],
    [{ readQueueNums: 1025 }, /readQueueNums.*1024/],
    [{ writeQueueNums: -1 }, /writeQueueNums.*1024/],
    [{ perm: 8 }, /perm.*7/],
    [{ topicSysFlag: 4 }, /topicSysFlag/],
    [{ topicFilterType: 'ALL_TAGS' }, /SINGLE_TAG, MULTI_TAG/],
    [{ attributes: '+message.type=MIXED' }, /message\.type/],
    [{ attributes: 'what' }, /\+key=value/],
  ]
  for (const [overrides, remark] of bad) await assert.rejects(update(broker, overrides), refused(29, remark))
  assert.equal(broker.broker.parts.topics.get('Orders'), undefined)
})

test('the nameservers know a topic when the answer to its creation is out', async (t) => {
  const nameserver = await startFakeNameserver(t)
  const broker = await startTestBroker(t, { text: `namesrvAddr=${nameserver.address}` })
  await update(broker)
  const table = nameserver.registered.at(-1)?.data.topicConfigSerializeWrapper.topicConfigTable
  assert.equal(table?.Orders?.writeQueueNums, 4)
})

test('a nameserver that is down delays a change of a topic by nothing', async (t) => {
  const broker = await startTestBroker(t, { text: 'namesrvAddr=127.0.0.1:1' })
  const startedAt = performance.now()
  await update(broker)
  assert(performance.now() - startedAt < 1000)
})

test('a list of topics is checked as a whole before the first is made', async (t) => {
  const broker = await startTestBroker(t)
  const config = (topicName: string, readQueueNums = 2) => ({
    topicName,
    readQueueNums,
    writeQueueNums: 2,
    perm: 6,
    topicFilterType: 'SINGLE_TAG' as const,
    topicSysFlag: 0,
    order: false,
    attributes: { '+message.type': 'DELAY' },
  })
  const put = (...topicConfigList: ReturnType<typeof config>[]): Promise<unknown> =>
    broker.client.call(
      broker.address,
      updateAndCreateTopicList,
      {},
      {
        timeoutMs: 5000,
        body: topicConfigListBody.encode({ topicConfigList }),
      },
    )
  await assert.rejects(put(config('A'), config('B', 5000)), refused(29, /readQueueNums/))
  assert.equal(broker.broker.parts.topics.get('A'), undefined)
  await put(config('A'), config('B'))
  assert.equal(broker.broker.parts.topics.get('B')?.attributes['message.type'], 'DELAY')
  await assert.rejects(put(), refused(29, /empty/))
  await assert.rejects(
    broker.client.call(broker.address, updateAndCreateTopicList, {}, { timeoutMs: 5000 }),
    refused(29, /body is missing/),
  )
})

test('all topics come with their version', async (t) => {
  const broker = await startTestBroker(t)
  await update(broker)
  const { body } = await broker.client.call(broker.address, getAllTopicConfig, {}, { timeoutMs: 5000 })
  const wrapper = topicConfigWrapperBody.decode(body)
  assert.equal(wrapper.topicConfigTable.Orders?.readQueueNums, 8)
  assert.equal(wrapper.topicConfigTable.TBW102?.perm, 7)
  assert.deepEqual(wrapper.dataVersion, broker.broker.parts.topics.dataVersion)
})

test('an unknown topic has no configuration: 17', async (t) => {
  const broker = await startTestBroker(t)
  await assert.rejects(shown(broker, 'Nothing'), refused(17, /Nothing/))
})

test('a deleted topic is gone here and at the nameservers; deleting it again is fine', async (t) => {
  const nameserver = await startFakeNameserver(t)
  const broker = await startTestBroker(t, { text: `namesrvAddr=${nameserver.address}` })
  const remove = (topic: string): Promise<unknown> =>
    broker.client.call(broker.address, deleteTopicInBroker, { topic }, { timeoutMs: 5000 })
  await update(broker)
  await remove('Orders')
  await assert.rejects(shown(broker), refused(17, /Orders/))
  const table = nameserver.registered.at(-1)?.data.topicConfigSerializeWrapper.topicConfigTable
  assert.equal(table?.Orders, undefined)
  await remove('Orders')
  await assert.rejects(remove('TBW102'), refused(29, /system topic/))
  await assert.rejects(remove(''), refused(29, /empty/))
})

test('topics survive a restart with their version', async (t) => {
  const first = await startTestBroker(t)
  await update(first, { attributes: '+message.type=FIFO' })
  await update(first, { topic: 'Gone' })
  await first.client.call(first.address, deleteTopicInBroker, { topic: 'Gone' }, { timeoutMs: 5000 })
  const before = first.broker.parts.topics.dataVersion
  await first.stop()
  const second = await startTestBroker(t, { folder: first.folder })
  assert.deepEqual(second.broker.parts.topics.dataVersion, before)
  assert.equal(second.broker.parts.topics.get('Orders')?.attributes['message.type'], 'FIFO')
  assert.equal(second.broker.parts.topics.get('Gone'), undefined)
})
