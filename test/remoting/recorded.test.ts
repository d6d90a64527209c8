import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc31 } from '../../base/crc32.ts'
import { hostText } from '../../message/host.ts'
import { offsetMessageId } from '../../message/message-id.ts'
import { decodeProperties } from '../../message/properties.ts'
import { decodeRecords, encodeRecord, recordSize } from '../../message/record.ts'
import { clusterInfoBody } from '../../remoting/bodies/cluster-info.ts'
import { consumerListBody } from '../../remoting/bodies/consumer-list.ts'
import { heartbeatBody } from '../../remoting/bodies/heartbeat.ts'
import { registerBrokerBody } from '../../remoting/bodies/register-broker.ts'
import { consumeStatsBody } from '../../remoting/bodies/stats.ts'
import { topicConfigBody } from '../../remoting/bodies/topic-config.ts'
import { topicListBody } from '../../remoting/bodies/topic-list.ts'
import { encodeFastjsonRoute, topicRouteBody } from '../../remoting/bodies/topic-route.ts'
import {
  type Command,
  decodeCommand,
  encodeFrame,
  FLAG_ONEWAY,
  FLAG_RESPONSE,
} from '../../remoting/command.ts'
import { readHeader } from '../../remoting/fields.ts'
import { requestList } from '../../remoting/request-list.ts'
import { pullMessage } from '../../remoting/requests/pull-message.ts'
import { registerBroker } from '../../remoting/requests/register-broker.ts'
import { sendMessageV2 } from '../../remoting/requests/send-message-v2.ts'

interface Recorded {
  readonly name: string
  readonly frame: string
}

const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/java.json'), 'utf8'),
)

function frame(name: string): Buffer {
  const found = recorded.find((entry) => entry.name === name)
  assert(found, name)
  return Buffer.from(found.frame, 'hex')
}
const command = (name: string): Command => decodeCommand(frame(name))
const json = (body: Buffer): unknown => JSON.parse(body.toString())

test('every recorded frame is read, and written again byte for byte', () => {
  assert(recorded.length >= 30)
  for (const { name } of recorded) {
    const bytes = frame(name)
    const { ext, body, headerForm, ...head } = decodeCommand(bytes)
    const again = encodeFrame(head, ext, body, headerForm)
    // Java leaves an absent extFields out, we never do.
    const expected =
      headerForm === 0 && ext === undefined
        ? bytes
            .toString('latin1')
            .replace(/("code":\d+,)/, '$1"extFields":{},')
            .slice(8)
        : bytes.toString('latin1').slice(8)
    assert.equal(again.toString('latin1').slice(8), expected, name)
    assert.equal(head.language, 0)
  }
})

test('the header of every recorded request has what its table asks for', () => {
  let requests = 0
  for (const { name } of recorded) {
    const { flag, code, ext } = command(name)
    if ((flag & FLAG_RESPONSE) !== 0) continue
    const kind = requestList.find((entry) => entry.code === code)
    assert(kind, name)
    readHeader(kind.header, ext)
    requests += 1
  }
  assert(requests >= 15, `${requests} requests`)
})

test('a send carries its fields under their letters, in both header forms', () => {
  for (const name of ['send', 'send, binary', 'send of an old client']) {
    const { ext, body } = command(name)
    const header = readHeader(sendMessageV2.header, ext)
    assert.equal(header.producerGroup, 'smoke_producer')
    assert.equal(header.topic, 'SmokeTopic')
    assert.equal(header.defaultTopic, 'TBW102')
    assert.equal(header.defaultTopicQueueNums, 4)
    assert.equal(header.batch, false)
    const properties = decodeProperties(header.properties)
    assert.equal(properties.get('TAGS'), 'TagA')
    assert.match(properties.get('UNIQ_KEY') ?? '', /^[0-9A-F]{56}$/)
    assert.match(body.toString(), /^smoke /)
  }
})

test('a pull has the fields that a handler needs, and no subscription', () => {
  for (const name of ['pull', 'pull, binary']) {
    const header = readHeader(pullMessage.header, command(name).ext)
    assert.equal(header.maxMsgNums, 32)
    assert.equal(header.sysFlag, 2)
    assert.equal(header.suspendTimeoutMillis, 15_000)
    assert.equal(header.subscription, undefined)
    assert.equal(header.expressionType, 'TAG')
  }
})

test('the records of a pull answer are written again byte for byte', () => {
  const { body, ext } = command('pull answer')
  const messages = decodeRecords(body)
  assert.equal(messages.length, Number(ext?.nextBeginOffset))
  const again = messages.map((message) => {
    const record = Buffer.alloc(recordSize(message))
    encodeRecord(message, record, 0, message)
    return record
  })
  assert.deepEqual(Buffer.concat(again), Buffer.from(body))
  for (const [index, message] of messages.entries()) {
    assert.equal(message.topic, 'SmokeTopic')
    assert.equal(message.queueOffset, index)
    assert.equal(message.bodyCrc, crc31(message.body))
    assert.equal(hostText(message.storeHost), '127.0.0.2:23911')
  }
  const sent = command('send answer').ext
  assert.match(sent?.msgId ?? '', /^7F00000200005D67[0-9A-F]{16}$/)
  const first = messages[0]
  assert(first)
  assert.equal(offsetMessageId(first.storeHost, first.position).slice(0, 16), sent?.msgId?.slice(0, 16))
})

test('the CRC in a registration is that of its body', () => {
  const { ext, body } = command('register broker')
  assert.equal(readHeader(registerBroker.header, ext).bodyCrc32, crc31(body))
  const { topicConfigSerializeWrapper } = registerBrokerBody.decode(body)
  assert.equal(topicConfigSerializeWrapper.topicConfigTable.SmokeTopic?.writeQueueNums, 4)
  assert.deepEqual(json(registerBrokerBody.encode(registerBrokerBody.decode(body))), json(body))
})

test('routes are read in both forms, and written as Java writes them', () => {
  for (const [name, encode] of [
    ['route answer', topicRouteBody.encode],
    ['route answer for an old client', encodeFastjsonRoute],
  ] as const) {
    const { body } = command(name)
    const route = topicRouteBody.decode(body)
    assert.equal(route.brokerDatas[0]?.brokerAddrs['0'], '127.0.0.2:23911')
    assert.equal(encode(route).toString(), body.toString())
  }
})

test('heartbeats are read in all their forms', () => {
  for (const name of ['heartbeat', 'heartbeat, binary', 'heartbeat of an old client']) {
    const data = heartbeatBody.decode(command(name).body)
    const [consumer] = data.consumerDataSet
    assert.deepEqual(consumer?.subscriptionDataSet.map(({ topic }) => topic).sort(), [
      `%RETRY%${consumer?.groupName}`,
      'SmokeTopic',
    ])
    assert.deepEqual(
      consumer?.subscriptionDataSet.find(({ topic }) => topic === 'SmokeTopic')?.codeSet,
      [2_598_919],
    )
  }
})

test('other bodies are read and written with the same content', () => {
  for (const [name, codec] of [
    ['consume stats answer', consumeStatsBody],
    ['topic config answer', topicConfigBody],
    ['consumer list answer', consumerListBody],
    ['cluster info answer', clusterInfoBody],
    ['topic list answer', topicListBody],
  ] as const) {
    const { body } = command(name)
    const read = codec.decode(body)
    assert.deepEqual(codec.decode(codec.encode(read as never)), read, name)
  }
  const { offsetTable } = consumeStatsBody.decode(command('consume stats answer').body)
  assert.deepEqual(offsetTable[3]?.[0], { brokerName: 'broker-a', queueId: 3, topic: 'SmokeTopic' })
})

test('what wants no answer says so', () => {
  for (const name of ['offset commit', 'offset commit, binary', 'consumers changed'])
    assert.equal(command(name).flag, FLAG_ONEWAY)
})
