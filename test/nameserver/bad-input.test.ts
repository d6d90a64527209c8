import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { handlers } from '../../nameserver/handlers.ts'
import { requestList } from '../../remoting/request-list.ts'
import { registerBroker } from '../../remoting/requests/register-broker.ts'
import { ask } from '../support/ask.ts'
import { type RunningNameserver, registrationBody, runNameserver } from '../support/nameserver-fixtures.ts'

let server: RunningNameserver
before(async () => {
  server = await runNameserver({ limits: { nameLengthMax: 64, topicNameLengthMax: 32, kvKeyLengthMax: 16 } })
})
after(() => server.stop())

const kindOf = (code: number) => {
  const kind = requestList.find((entry) => entry.code === code)
  assert(kind, `request ${code} is declared`)
  return kind
}
/** Fields that a decoder takes for any type. */
const someFields = (code: number): Record<string, string> =>
  Object.fromEntries(
    Object.entries(kindOf(code).header)
      .filter(([name]) => name !== 'bodyCrc32')
      .map(([name, field]) => [field.wireName ?? name, '7']),
  )
const isPlain = (remark: unknown): boolean =>
  !/\n|node:|\.ts:|Error:|undefined|\[object/.test(String(remark ?? ''))

/** Java takes any text for a boolean. */
function isFlag(field: { decode(text: string, name: string): unknown }): boolean {
  try {
    return field.decode('true', '') === true
  } catch {
    return false
  }
}
const send = (code: number, fields: Record<string, string>, body: Buffer = Buffer.alloc(0), to = server) =>
  ask(to.address, code, fields, Buffer.from(body))

const bodies: readonly (readonly [name: string, body: Buffer])[] = [
  ['no body', Buffer.alloc(0)],
  ['empty JSON', Buffer.from('{}')],
  ['a list', Buffer.from('[1,2]')],
  ['text', Buffer.from('\0\xff garbage')],
  ['cut JSON', Buffer.from('{"queueDatas":[{"brokerName":')],
  ['a number', Buffer.from('5')],
  ['null', Buffer.from('null')],
]

test('every code with every kind of body gets an answer without internals, and the process lives', async () => {
  for (const { code } of handlers) {
    for (const [name, body] of bodies) {
      const answer = await send(code, someFields(code), body)
      assert.notEqual(answer.code, 1, `${kindOf(code).name} with ${name}: ${answer.header.remark}`)
      assert(isPlain(answer.header.remark), `${kindOf(code).name} with ${name}: ${answer.header.remark}`)
    }
  }
  assert.deepEqual(
    server.complaints.filter((line) => line.startsWith('request.failed')),
    [],
  )
})

test('a missing field is answered with 29 and its name', async () => {
  for (const { code } of handlers) {
    const fields = someFields(code)
    for (const [name, field] of Object.entries(kindOf(code).header)) {
      if (field.isOptional) continue
      const { [field.wireName ?? name]: _left, ...others } = fields
      const answer = await send(code, others)
      assert.equal(answer.code, 29, `${kindOf(code).name} without ${name}`)
      assert.match(String(answer.header.remark), new RegExp(`header field ${name}`))
    }
  }
})

test('a number that is none is answered with 29 and its name', async () => {
  for (const { code } of handlers) {
    for (const [name, field] of Object.entries(kindOf(code).header)) {
      if (field.isFreeText || isFlag(field)) continue
      for (const text of ['', 'x', '1.5', '9223372036854775808', 'NaN']) {
        const answer = await send(code, { ...someFields(code), [name]: text })
        assert.equal(answer.code, 29, `${kindOf(code).name} with ${name}=${text}`)
        assert.match(String(answer.header.remark), new RegExp(`header field ${name}`))
      }
    }
  }
})

test('codes of the other server and unknown ones are answered with 3', async () => {
  const served = new Set(handlers.map(({ code }) => code))
  const others = requestList.map(({ code }) => code).filter((code) => !served.has(code))
  for (const code of [...others, -1, 0, 65_535, 4711]) {
    const answer = await send(code, {})
    assert.equal(answer.code, 3)
    assert.equal(answer.header.remark, `request type ${code} not supported`)
  }
})

test('names that are empty, too long or hold control characters do not get into the tables', async () => {
  const header = {
    brokerName: 'b',
    brokerAddr: '10.0.0.1:1',
    clusterName: 'C',
    haServerAddr: '',
    brokerId: '0',
  }
  const rows: [string, string, RegExp][] = [
    ['brokerName', '', /brokerName: 0 characters, allowed are 1 to 64/],
    ['brokerAddr', 'x'.repeat(65), /brokerAddr: 65 characters/],
    ['clusterName', 'a\tb', /clusterName: "a\\tb" contains control characters/],
    ['__ZONE_NAME', 'z'.repeat(65), /__ZONE_NAME: 65 characters/],
    ['heartbeatTimeoutMillis', '0', /heartbeatTimeoutMillis: 0 is not a number of milliseconds above 0/],
    ['heartbeatTimeoutMillis', '-5', /heartbeatTimeoutMillis/],
  ]
  for (const [field, value, remark] of rows) {
    const answer = await send(103, { ...header, [field]: value }, registrationBody(['T1', 'T2']))
    assert.equal(answer.code, 29)
    assert.match(String(answer.header.remark), remark)
  }
  const long = await send(103, header, registrationBody(['T1', 'x'.repeat(33)]))
  assert.equal(long.code, 29)
  assert.match(String(long.header.remark), /the name of a topic has 33 characters, allowed are 1 to 32/)
  const single = await send(217, { topic: '' }, Buffer.from('{"queueDatas":[]}'))
  assert.equal(single.code, 29)
  assert.equal(server.nameserver.routes.brokers.groups.has('b'), false)
})

test('a KV key that is too long and an empty one are refused with 29', async () => {
  for (const key of ['', 'k'.repeat(17)]) {
    const answer = await send(100, { namespace: 'n', key, value: 'v' })
    assert.equal(answer.code, 29)
    assert.match(String(answer.header.remark), /header field key/)
  }
})

test('more topics than fit are refused with 2, and the broker keeps those that do', async () => {
  const small = await runNameserver({ limits: { topicsPerGroupMax: 3, brokersMax: 1 } })
  const header = { brokerName: 'b', brokerAddr: '10.0.0.1:1', clusterName: 'C', brokerId: '0' }
  const client = small.connect()
  try {
    const over = await send(103, header, registrationBody(['T1', 'T2', 'T3', 'T4']), small)
    assert.equal(over.code, 2)
    assert.match(String(over.header.remark), /^1 topics were not taken/)
    const body = registrationBody(['T1', 'T2'])
    await client.call(
      small.address,
      registerBroker,
      { ...header, brokerId: 0, haServerAddr: '' },
      { timeoutMs: 5000, body },
    )
    const full = await send(103, { ...header, brokerName: 'c', brokerAddr: '10.0.0.2:1' }, body, small)
    assert.equal(full.code, 2)
    assert.match(String(full.header.remark), /^1 brokers are registered/)
  } finally {
    await small.stop()
  }
})
