import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  groupNameProblem,
  isClosedToClients,
  isSystemGroup,
  isSystemTopic,
  retryTopicOf,
  topicNameProblem,
} from '../../message/names.ts'

test('names of letters, digits, %, |, - and _ are fine', () => {
  for (const name of [
    'TopicTest',
    'a',
    '%RETRY%group-1',
    'a|b_c',
    'x'.repeat(127),
    retryTopicOf('g'.repeat(120)),
  ])
    assert.equal(topicNameProblem(name), undefined, name)
})

test('odd topic names are refused with words that say what is allowed (M5)', () => {
  for (const name of [
    '',
    '../../x',
    '..',
    '/etc',
    'a b',
    'a\u0000b',
    'é',
    '主题',
    '%RETRY%../x',
    'a.b',
    'a\n',
  ])
    assert.match(topicNameProblem(name) ?? '', /allowed|characters than/, JSON.stringify(name))
  assert.equal(
    topicNameProblem('x'.repeat(128)),
    'the topic name has 128 characters: at most 127 are allowed',
  )
  assert.match(topicNameProblem(`%DLQ%${'x'.repeat(251)}`) ?? '', /256 characters: at most 255/)
})

test('odd group names are refused the same way (M6)', () => {
  for (const name of ['', 'a b', 'g'.repeat(121), 'g/h', 'g\u007f'])
    assert.notEqual(groupNameProblem(name), undefined)
  assert.equal(groupNameProblem('g'.repeat(120)), undefined)
})

test('every system topic has a legal name, and the queues of the broker are closed to clients (M7)', () => {
  for (const topic of ['TBW102', 'RMQ_SYS_TRACE_TOPIC', 'RMQ_SYS_ROCKETCLUSTER', 'rmq_sys_wheel_timer']) {
    assert.equal(topicNameProblem(topic), undefined)
    assert(isSystemTopic(topic))
  }
  for (const topic of [
    'SCHEDULE_TOPIC_XXXX',
    'RMQ_SYS_TRANS_HALF_TOPIC',
    'rmq_sys_wheel_timer',
    'rmq_sys_REVIVE_LOG_c',
  ])
    assert(isClosedToClients(topic), topic)
  for (const topic of ['TBW102', 'BenchmarkTest', 'RMQ_SYS_TRACE_TOPIC', 'TopicTest', '%RETRY%g'])
    assert(!isClosedToClients(topic), topic)
  assert(isSystemGroup('CID_RMQ_SYS_TRANS') && isSystemGroup('TOOLS_CONSUMER') && !isSystemGroup('mine'))
})
