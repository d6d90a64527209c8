import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KvConfig, type KvStorage } from '../../nameserver/kv-config.ts'
import { nameserverLimits } from '../../nameserver/limits.ts'
import { RequestError } from '../../remoting/errors.ts'

/** Keeps the text; writes end when `release` is called, or at once. */
class FakeStorage implements KvStorage {
  text: string | undefined
  writes: string[] = []
  isHeld = false
  failure: Error | undefined
  #waiting: (() => void)[] = []

  constructor(text?: string) {
    this.text = text
  }

  read(): Promise<string | undefined> {
    return Promise.resolve(this.text)
  }

  async write(text: string): Promise<void> {
    if (this.isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (this.failure !== undefined) throw this.failure
    this.text = text
    this.writes.push(text)
  }

  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

const load = (storage: KvStorage, limits = {}): Promise<KvConfig> =>
  KvConfig.load(storage, { ...nameserverLimits, ...limits })

test('the file has the shape of RocketMQ and is read back', async () => {
  const storage = new FakeStorage()
  const kv = await load(storage)
  await kv.put('ORDER_TOPIC_CONFIG', 'T', 'a:4;b:4')
  await kv.put('n', 'k"ey', '中')
  assert.equal(storage.text, '{"configTable":{"ORDER_TOPIC_CONFIG":{"T":"a:4;b:4"},"n":{"k\\"ey":"中"}}}')
  const again = await load(new FakeStorage(storage.text))
  assert.equal(again.get('ORDER_TOPIC_CONFIG', 'T'), 'a:4;b:4')
  assert.equal(again.get('n', 'k"ey'), '中')
  assert.equal(again.entryCount, 2)
  assert.equal(again.tableJson('ORDER_TOPIC_CONFIG'), '{"table":{"T":"a:4;b:4"}}')
})

test('a missing or an empty file is an empty configuration', async () => {
  for (const text of [undefined, '', ' \n', '{}', '{"configTable":{}}', '{"configTable":null}']) {
    const kv = await load(new FakeStorage(text))
    assert.equal(kv.entryCount, 0)
    assert.equal(kv.tableJson('n'), undefined)
  }
})

test('a file that is no KV configuration stops the start and says what is wrong', async () => {
  const rows: [string, RegExp][] = [
    ['{"configTable":{"n":{"k":"v"', /^not JSON: /],
    ['[]', /the file is not a JSON object/],
    ['{"configTable":[]}', /configTable is not a JSON object/],
    ['{"configTable":{"n":"v"}}', /configTable\.n is not a JSON object/],
    ['{"configTable":{"n":{"k":{}}}}', /configTable\.n\.k is not a text/],
  ]
  for (const [text, message] of rows) await assert.rejects(load(new FakeStorage(text)), { message })
})

test('names that objects have of their own are names like any other', async () => {
  const storage = new FakeStorage()
  const kv = await load(storage)
  await kv.put('__proto__', 'constructor', 'v')
  assert.equal(kv.get('__proto__', 'constructor'), 'v')
  assert.equal(kv.get('constructor', 'name'), undefined)
  const again = await load(new FakeStorage(storage.text))
  assert.equal(again.get('__proto__', 'constructor'), 'v')
})

test('deleting forgets the key and an empty namespace, but never that there were ordered topics', async () => {
  const storage = new FakeStorage()
  const kv = await load(storage)
  await kv.put('n', 'k', 'v')
  await kv.put('ORDER_TOPIC_CONFIG', 'T', 'a:4')
  await kv.delete('n', 'k')
  await kv.delete('ORDER_TOPIC_CONFIG', 'T')
  await kv.delete('n', 'k')
  assert.equal(kv.tableJson('n'), undefined)
  assert.equal(kv.tableJson('ORDER_TOPIC_CONFIG'), '{"table":{}}')
  assert.equal(storage.text, '{"configTable":{"ORDER_TOPIC_CONFIG":{}}}')
  assert.equal(kv.entryCount, 0)
})

test('changes during a write share the next one', async () => {
  const storage = new FakeStorage()
  const kv = await load(storage)
  storage.isHeld = true
  const puts = [kv.put('n', 'a', '1'), kv.put('n', 'b', '2'), kv.put('n', 'c', '3')]
  await Promise.resolve()
  storage.isHeld = false
  storage.release()
  await Promise.all(puts)
  await kv.settled()
  assert.deepEqual(storage.writes, [
    '{"configTable":{"n":{"a":"1"}}}',
    '{"configTable":{"n":{"a":"1","b":"2","c":"3"}}}',
  ])
})

test('a value that is stored already is answered when the writes under way are', async () => {
  const storage = new FakeStorage()
  const kv = await load(storage)
  storage.isHeld = true
  const first = kv.put('n', 'a', '1')
  let isAnswered = false
  const second = kv.put('n', 'a', '1').then(() => {
    isAnswered = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isAnswered, false)
  storage.release()
  await Promise.all([first, second])
  assert.equal(storage.writes.length, 1)
})

test('when a write fails, everything since the last good one is taken back and everybody is told', async () => {
  const storage = new FakeStorage()
  const kv = await load(storage)
  await kv.put('n', 'a', '1')
  storage.isHeld = true
  storage.failure = new Error('no space')
  const results = Promise.allSettled([kv.put('n', 'a', '2'), kv.put('n', 'b', '2'), kv.delete('n', 'a')])
  storage.release()
  for (const result of await results) {
    assert(result.status === 'rejected')
    assert(result.reason instanceof RequestError)
    assert.equal(result.reason.code, 1)
  }
  assert.equal(kv.get('n', 'a'), '1')
  assert.equal(kv.get('n', 'b'), undefined)
  assert.equal(kv.entryCount, 1)
  storage.failure = undefined
  storage.isHeld = false
  await kv.put('n', 'a', '1')
  await kv.put('n', 'c', '3')
  assert.equal(storage.text, '{"configTable":{"n":{"a":"1","c":"3"}}}')
})

test('entries, lengths and the whole are limited', async () => {
  const kv = await load(new FakeStorage(), {
    kvEntriesMax: 3,
    kvKeyLengthMax: 4,
    kvValueLengthMax: 10,
    kvTotalLengthMax: 24,
  })
  const refused = (namespace: string, key: string, value: string, remark: RegExp): void => {
    assert.throws(() => kv.put(namespace, key, value), { name: 'RequestError', code: 29, remark })
  }
  refused('', 'k', 'v', /header field namespace: 0 characters, allowed are 1 to 4/)
  refused('n', '12345', 'v', /header field key: 5 characters, allowed are 1 to 4/)
  refused('n', 'k', '12345678901', /header field value: 11 characters, allowed are 0 to 10/)
  await kv.put('n', 'a', '12345678')
  await kv.put('n', 'b', '12345678')
  refused('n', 'c', '123', /the KV configuration is full: 24 characters/)
  await kv.put('n', 'c', '12')
  refused('n', 'd', '', /the KV configuration is full: 3 entries/)
  await kv.put('n', 'a', '1234')
  refused('n', 'b', '1234567890123', /value/)
  await kv.delete('n', 'c')
  await kv.put('n', 'd', '123456')
})
