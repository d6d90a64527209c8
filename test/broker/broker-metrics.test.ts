import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PrometheusMetrics } from '../../base/prometheus.ts'
import { queueOffset } from '../../base/units.ts'
import { brokerLabels, brokerMetrics } from '../../broker/broker-metrics.ts'
import { connectTo, consumerBeat, sendTo } from '../support/broker-client.ts'
import { startTestBroker } from '../support/broker-fixture.ts'

test('a scrape has RocketMQ’s names and labels with the broker’s numbers', async (t) => {
  const testBroker = await startTestBroker(t)
  const { broker } = testBroker
  const client = connectTo(t, testBroker)
  await client.beat({ ...consumerBeat('a', 'G'), producerDataSet: [{ groupName: 'P' }, { groupName: 'Q' }] })
  for (let count = 0; count < 3; count++) await sendTo(client, 'T', 'x', { queueId: 1 })
  const { offsets, stats } = broker.parts
  offsets.commit('G', 'T', 1, queueOffset(1), 'test')
  offsets.pulled('G', 'T', 1, queueOffset(2))
  stats.get('G', 'T', 2, 500)

  const metrics = new PrometheusMetrics({ labels: brokerLabels(broker.parts.settings) })
  brokerMetrics(metrics, broker)
  const text = await metrics.text()
  const base = 'cluster="TestCluster",node_type="broker",node_id="broker-a"'
  for (const line of [
    `rocketmq_messages_in_total{topic="T",message_type="normal",is_system="false",${base}} 3`,
    `rocketmq_messages_out_total{topic="T",consumer_group="G",is_system="false",${base}} 2`,
    `rocketmq_throughput_out_total{topic="T",consumer_group="G",is_system="false",${base}} 500`,
    `rocketmq_consumer_lag_messages{topic="T",consumer_group="G",is_system="false",is_retry="false",${base}} 2`,
    `rocketmq_consumer_inflight_messages{topic="T",consumer_group="G",is_system="false",is_retry="false",${base}} 1`,
    `rocketmq_consumer_ready_messages{topic="T",consumer_group="G",is_system="false",is_retry="false",${base}} 1`,
    `rocketmq_producer_connections{language="other",version="v5_3_3",protocol_type="remoting",${base}} 1`,
    `rocketmq_consumer_connections{language="other",version="v5_3_3",protocol_type="remoting",consumer_group="G",consume_mode="push",is_system="false",${base}} 1`,
    `rocketmq_broker_permission{${base}} 6`,
    `rocketmq_processor_watermark{processor="send",${base}} 0`,
    `rocketmq_storage_dispatch_behind_bytes{storage_type="local",storage_medium="disk",${base}} 0`,
    `rocketcluster_storage_writable{storage_type="local",storage_medium="disk",${base}} 1`,
    `rocketcluster_backward_commits_total{${base}} 0`,
    `rocketcluster_schedule_waiting_messages{level="18",${base}} 0`,
  ])
    assert.ok(text.includes(`${line}\n`), `${line}\nis not in\n${text}`)
  for (const name of [
    'rocketmq_throughput_in_total',
    'rocketmq_storage_size_bytes',
    'rocketmq_storage_flush_behind_bytes',
    'rocketmq_storage_message_reserve_time_milliseconds',
    'rocketmq_topic_number',
    'rocketmq_consumer_group_number',
  ])
    assert.match(text, new RegExp(`^${name}\\{.*\\} \\d+$`, 'm'))
})

test('M28, M9: made-up versions and many topics do not become as many series', async (t) => {
  const testBroker = await startTestBroker(t)
  const { broker } = testBroker
  const client = connectTo(t, testBroker)
  await client.beat(consumerBeat('a', 'G'))
  for (const member of broker.parts.clients.group('G')?.members.values() ?? [])
    Object.defineProperty(member.peer, 'version', { value: 1_000_000_007 })
  for (let topic = 0; topic < 6000; topic++) broker.parts.stats.put(`T${topic}`, 1, 10, 1)
  const metrics = new PrometheusMetrics()
  brokerMetrics(metrics, broker)
  const text = await metrics.text()
  assert.match(text, /rocketmq_consumer_connections\{language="other",version="other"/)
  assert.equal(text.match(/^rocketmq_messages_in_total\{/gm)?.length, 5001)
  assert.match(text, /rocketmq_messages_in_total\{topic="rocketcluster-other",.*\} 1000\n/)
})
