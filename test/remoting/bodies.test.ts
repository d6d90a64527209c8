import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assignmentsBody, queryAssignmentBody, setRequestModeBody } from '../../remoting/bodies/assignment.ts'
import { brokerMemberGroupBody } from '../../remoting/bodies/broker-member-group.ts'
import { checkClientBody } from '../../remoting/bodies/check-client.ts'
import { clusterInfoBody } from '../../remoting/bodies/cluster-info.ts'
import { consumerConnectionBody, producerTableBody } from '../../remoting/bodies/connections.ts'
import { consumeDirectlyBody } from '../../remoting/bodies/consume-directly.ts'
import { consumerListBody } from '../../remoting/bodies/consumer-list.ts'
import { consumerRunningInfoBody } from '../../remoting/bodies/consumer-running-info.ts'
import { consumerStatusBody } from '../../remoting/bodies/consumer-status.ts'
import { dataVersionBody } from '../../remoting/bodies/data-version.ts'
import { groupListBody } from '../../remoting/bodies/group-list.ts'
import { heartbeatBody } from '../../remoting/bodies/heartbeat.ts'
import { kvTableBody } from '../../remoting/bodies/kv-table.ts'
import { lockedQueuesBody, lockQueuesRequestBody } from '../../remoting/bodies/lock-queues.ts'
import { consumerOffsetTableBody, delayOffsetTableBody } from '../../remoting/bodies/offset-table.ts'
import { queryConsumeQueueBody } from '../../remoting/bodies/query-consume-queue.ts'
import { registerBrokerBody } from '../../remoting/bodies/register-broker.ts'
import { resetOffsetBody, resetOffsetListBody } from '../../remoting/bodies/reset-offset.ts'
import { brokerStatsBody, consumeStatsBody, topicStatsBody } from '../../remoting/bodies/stats.ts'
import { groupConfigBody, groupConfigTableBody } from '../../remoting/bodies/subscription-group.ts'
import { topicConfigBody, topicConfigTableBody } from '../../remoting/bodies/topic-config.ts'
import { topicListBody } from '../../remoting/bodies/topic-list.ts'
import { encodeFastjsonRoute, topicRouteBody } from '../../remoting/bodies/topic-route.ts'
import { RequestError } from '../../remoting/errors.ts'
import { roundedLong } from '../../remoting/fields.ts'

const all = {
  assignmentsBody,
  brokerMemberGroupBody,
  brokerStatsBody,
  checkClientBody,
  clusterInfoBody,
  consumeDirectlyBody,
  consumerConnectionBody,
  consumerListBody,
  consumerOffsetTableBody,
  consumerRunningInfoBody,
  consumerStatusBody,
  consumeStatsBody,
  dataVersionBody,
  delayOffsetTableBody,
  groupConfigBody,
  groupConfigTableBody,
  groupListBody,
  heartbeatBody,
  kvTableBody,
  lockedQueuesBody,
  lockQueuesRequestBody,
  producerTableBody,
  queryAssignmentBody,
  queryConsumeQueueBody,
  registerBrokerBody,
  resetOffsetBody,
  resetOffsetListBody,
  setRequestModeBody,
  topicConfigBody,
  topicConfigTableBody,
  topicListBody,
  topicRouteBody,
  topicStatsBody,
}

const refuses = (run: () => unknown, text: RegExp): void =>
  void assert.throws(
    run,
    (error) => error instanceof RequestError && error.code === 29 && text.test(error.remark),
    String(text),
  )

test('a body that is missing, no JSON or not of its type is refused with 29 and text, never more (F15)', () => {
  for (const [name, codec] of Object.entries(all)) {
    refuses(() => codec.decode(Buffer.alloc(0)), /^body is missing: expected \w+/)
    refuses(() => codec.decode(Buffer.from([0, 1, 2, 255])), /^body is not JSON/)
    refuses(() => codec.decode(Buffer.from('[1,2]')), /^body .* is not an object/)
    refuses(() => codec.decode(Buffer.from('"text"')), /^body .* is not an object/)
    refuses(() => codec.decode(Buffer.from(`{"a":${'['.repeat(200)}`)), /nesting/)
    assert.equal(typeof name, 'string')
  }
})

test('a million lists within each other are refused in no time, wherever they stand', () => {
  const deep = `${'['.repeat(500_000)}${']'.repeat(500_000)}`
  const startedMs = performance.now()
  for (const text of [`{"clientID":${deep}}`, `{"clientID":"c","producerDataSet":${deep}}`])
    assert.throws(() => heartbeatBody.decode(Buffer.from(text)), /: a list is not/)
  assert.throws(
    () => groupConfigBody.decode(Buffer.from(`{"groupName":"g","groupRetryPolicy":${deep}}`)),
    /groupRetryPolicy is nested deeper than 32/,
  )
  const policy = { type: 'CUSTOMIZED', customizedRetryPolicy: { next: [1, 2] } }
  const config = groupConfigBody.decode(
    Buffer.from(JSON.stringify({ groupName: 'g', groupRetryPolicy: policy })),
  )
  assert.deepEqual(config.groupRetryPolicy, policy)
  assert(performance.now() - startedMs < 3000, 'reading is all that takes time')
})

test('a heartbeat as Java writes it is read, what is absent has its default', () => {
  const data = heartbeatBody.decode(
    Buffer.from(
      `{"clientID":"10.0.0.7@1#2","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"CG","messageModel":"BROADCASTING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[2598919],"expressionType":"TAG","subString":"TagA","subVersion":1700000000000,"tagsSet":["TagA"],"topic":"T"}],"unitMode":false}],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"PG"}],"withoutSub":false}`,
    ),
  )
  assert.equal(data.clientID, '10.0.0.7@1#2')
  assert.deepEqual(data.producerDataSet, [{ groupName: 'PG' }])
  const [consumer] = data.consumerDataSet
  assert.equal(consumer?.messageModel, 'BROADCASTING')
  assert.deepEqual(consumer?.subscriptionDataSet[0]?.codeSet, [2_598_919])
  assert.deepEqual(heartbeatBody.decode(Buffer.from('{"clientID":"c"}')), {
    clientID: 'c',
    consumerDataSet: [],
    producerDataSet: [],
    heartbeatFingerprint: 0,
    withoutSub: false,
  })
})

test('a heartbeat of the C++ client is read: enums by ordinal, numbers as strings', () => {
  const [consumer] = heartbeatBody.decode(
    Buffer.from(
      `{"clientID":"c","consumerDataSet":[{"consumeFromWhere":4,"consumeType":1,"groupName":"g","messageModel":1,"subscriptionDataSet":[{"codeSet":["7"],"subString":"*","subVersion":"1700000000001","tagsSet":null,"topic":"T"}]}]}`,
    ),
  ).consumerDataSet
  assert.equal(consumer?.consumeFromWhere, 'CONSUME_FROM_FIRST_OFFSET')
  assert.equal(consumer?.consumeType, 'CONSUME_PASSIVELY')
  assert.equal(consumer?.messageModel, 'CLUSTERING')
  assert.deepEqual(consumer?.subscriptionDataSet[0], {
    topic: 'T',
    subString: '*',
    tagsSet: [],
    codeSet: [7],
    subVersion: 1_700_000_000_001,
    expressionType: 'TAG',
    classFilterMode: false,
  })
})

test('the Go client counts subscription versions in nanoseconds: their order is kept and equal ones stay equal', () => {
  const version = (digits: string): number | undefined =>
    heartbeatBody.decode(
      Buffer.from(
        `{"clientID":"c","consumerDataSet":[{"groupName":"g","subscriptionDataSet":[{"topic":"T","subVersion":${digits}}]}]}`,
      ),
    ).consumerDataSet[0]?.subscriptionDataSet[0]?.subVersion
  const first = version('1795580171560115700') ?? 0
  assert(first < (version('1795580171561115700') ?? 0))
  assert.equal(roundedLong().decode('1795580171560115700', 'subVersion'), first)
  assert.throws(() => version('1e30'), /subVersion: 1e\+30 is not a 64-bit integer/)
})

test('errors name the place in the body and what is allowed', () => {
  refuses(() => heartbeatBody.decode(Buffer.from('{}')), /^body HeartbeatData\.clientID is missing$/)
  refuses(
    () =>
      heartbeatBody.decode(
        Buffer.from('{"clientID":"c","consumerDataSet":[{"groupName":"g","messageModel":"X"}]}'),
      ),
    /^body HeartbeatData\.consumerDataSet\[0\]\.messageModel: "X" is not one of BROADCASTING, CLUSTERING$/,
  )
  refuses(() => heartbeatBody.decode(Buffer.from('{"clientID":{}}')), /clientID: an object is not a string/)
  refuses(
    () => dataVersionBody.decode(Buffer.from('{"counter":9007199254740993}')),
    /counter: .* is not an integer/,
  )
  refuses(() => topicListBody.decode(Buffer.from('{"topicList":{}}')), /topicList: an object is not a list/)
})

const queue = { brokerName: 'b', queueId: 0, topic: 't' }

test('maps whose keys are queues are written in the form that Java reads, and read in every form', () => {
  const stats = {
    topicPutTps: 0,
    offsetTable: [[queue, { minOffset: 0, maxOffset: 9, lastUpdateTimestamp: 5 }]],
  } as const
  const text = topicStatsBody.encodeText(stats)
  assert.equal(
    text,
    '{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"t"}:{"lastUpdateTimestamp":5,"maxOffset":9,"minOffset":0}},"topicPutTps":0}',
  )
  assert.deepEqual(topicStatsBody.decodeText(text), stats)
  assert.deepEqual(
    resetOffsetBody.decodeText('{"offsetTable":{{topic:"t",queueId:0,brokerName:"b"}:7}}').offsetTable,
    [[queue, 7]],
  )
  assert.deepEqual(
    resetOffsetBody.decodeText('{"offsetTable":[{"brokerName":"b","queueId":0,"topic":"t","offset":7}]}')
      .offsetTable,
    [[queue, 7]],
  )
  assert.equal(
    resetOffsetListBody.encodeText({ offsetTable: [{ ...queue, offset: 7 }] }),
    '{"offsetTable":[{"brokerName":"b","offset":7,"queueId":0,"topic":"t"}]}',
  )
})

test('numeric keys are written quoted and read bare or quoted', () => {
  const table = { 'T@G': { 0: 12, 1: 9 } }
  const text = consumerOffsetTableBody.encodeText({
    dataVersion: { counter: 1, stateVersion: 0, timestamp: 2 },
    offsetTable: table,
  })
  assert.equal(
    text,
    '{"dataVersion":{"counter":1,"stateVersion":0,"timestamp":2},"offsetTable":{"T@G":{"0":12,"1":9}}}',
  )
  for (const form of [text, '{"offsetTable":{"T@G":{0:12,1:9}}}'])
    assert.deepEqual(JSON.parse(JSON.stringify(consumerOffsetTableBody.decodeText(form).offsetTable)), table)
})

const route = {
  queueDatas: [{ brokerName: 'b', readQueueNums: 4, writeQueueNums: 4, perm: 6, topicSysFlag: 0 }],
  brokerDatas: [
    {
      cluster: 'c',
      brokerName: 'b',
      brokerAddrs: { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911' },
      enableActingMaster: false,
    },
  ],
  filterServerTable: {},
}

test('a route has quoted broker ids, and bare ones for old clients', () => {
  const standard = topicRouteBody.encodeText(route)
  assert.deepEqual(JSON.parse(standard), route)
  const old = encodeFastjsonRoute(route).toString()
  assert.match(old, /"brokerAddrs":\{0:"10\.0\.0\.1:10911",1:"10\.0\.0\.2:10911"\}/)
  assert.equal(old.replace('{0:', '{"0":').replace(',1:', ',"1":'), standard)
  assert.deepEqual(topicRouteBody.decodeText(old).brokerDatas[0]?.brokerName, 'b')
})

test('keys from the network cannot reach the prototype of anything', () => {
  const { offsetTable } = consumerOffsetTableBody.decodeText(
    '{"offsetTable":{"__proto__":{"0":1},"a":{"__proto__":2}}}',
  )
  assert.deepEqual(Object.keys(offsetTable), ['__proto__', 'a'])
  assert.equal(({} as Record<string, unknown>)['0'], undefined)
  refuses(() => topicConfigBody.decodeText('{"__proto__":{"topicName":"x"}}'), /topicName is missing/)
})

test('configurations have the defaults of Java', () => {
  assert.deepEqual(topicConfigBody.decodeText('{"topicName":"T"}'), {
    topicName: 'T',
    readQueueNums: 16,
    writeQueueNums: 16,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
    attributes: {},
  })
  const group = groupConfigBody.decodeText('{"groupName":"G"}')
  assert.equal(group.retryMaxTimes, 16)
  assert.equal(group.consumeTimeoutMinute, 15)
  assert.equal(group.notifyConsumerIdsChangedEnable, true)
})
