import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { nameserverLimits } from '../../nameserver/limits.ts'
import { decodeRegistration, fingerprintOf, peekDataVersion } from '../../nameserver/registration-body.ts'
import { registerBrokerBody } from '../../remoting/bodies/register-broker.ts'
import { RequestError } from '../../remoting/errors.ts'

const plain = { isCompressed: false, version: 479 }
const compressed = { isCompressed: true, version: 479 }
const decode = (body: Buffer | string, format = plain, limits = nameserverLimits) =>
  decodeRegistration(Buffer.from(body as string), format, limits)
const refused = (body: Buffer | string, remark: RegExp, format = plain, limits = nameserverLimits): void =>
  assert.throws(() => decode(body, format, limits), { name: 'RequestError', code: 29, remark })

/** As a Java broker writes it: keys in alphabetical order, mappings with bare numeric keys. */
const JAVA_BODY =
  '{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":7,"stateVersion":2,"timestamp":1700000000000},' +
  '"mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":5},"topicConfigTable":{' +
  '"T1":{"attributes":{"+message.type":"FIFO"},"order":true,"perm":6,"readQueueNums":8,"topicFilterType":"SINGLE_TAG","topicName":"T1","topicSysFlag":1,"writeQueueNums":4},' +
  '"T2":{"topicName":"T2"}},"topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{"T1":{"bname":"broker-a","currIdMap":{0:3},"epoch":1,"topic":"T1","totalQueues":8}}}}'

test('the body of a Java broker is read, defaults included', () => {
  assert.deepEqual(decode(JAVA_BODY), {
    dataVersion: { counter: 7, stateVersion: 2, timestamp: 1_700_000_000_000 },
    topics: [
      { topicName: 'T1', readQueueNums: 8, writeQueueNums: 4, perm: 6, topicSysFlag: 1 },
      { topicName: 'T2', readQueueNums: 16, writeQueueNums: 16, perm: 6, topicSysFlag: 0 },
    ],
    filterServers: [],
    mappings: [['T1', { bname: 'broker-a', currIdMap: { 0: 3 }, epoch: 1, topic: 'T1', totalQueues: 8 }]],
  })
})

test('the version is found without reading the topics', () => {
  assert.deepEqual(peekDataVersion(Buffer.from(JAVA_BODY), plain), {
    counter: 7,
    stateVersion: 2,
    timestamp: 1_700_000_000_000,
  })
  assert.deepEqual(peekDataVersion(Buffer.alloc(0), plain), { counter: 0, stateVersion: 0, timestamp: 0 })
  const cannotTell = [
    '{}',
    'garbage',
    '{"dataVersion":{',
    '{"dataVersion":null}',
    `{"dataVersion":{${' '.repeat(300)}}}`,
    '{"dataVersion":{"counter":"x"}}',
    // A topic with that name, in front of the version.
    '{"topicConfigTable":{"dataVersion":{"perm":6,"topicName":"dataVersion"}},"dataVersion":{"counter":1}}',
  ]
  for (const body of cannotTell) assert.equal(peekDataVersion(Buffer.from(body), plain), undefined, body)
  assert.equal(peekDataVersion(deflateSync(JAVA_BODY), compressed), undefined)
})

test('text that looks like the version does not pass for it', () => {
  const attributes = JSON.stringify({ note: '"dataVersion":{"counter":1}' })
  const body = Buffer.from(
    `{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"attributes":${attributes}}},"dataVersion":{"counter":9,"timestamp":1}}}`,
  )
  assert.equal(peekDataVersion(body, plain)?.counter, 9)
})

test('our own encoder and the reader agree', () => {
  const topic = fc.record(
    {
      topicName: fc
        .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
        .filter((name) => name.length <= 255),
      readQueueNums: fc.nat(1024),
      writeQueueNums: fc.nat(1024),
      perm: fc.nat(7),
      topicSysFlag: fc.nat(3),
    },
    { noNullPrototype: true },
  )
  const dataVersion = fc.record(
    {
      counter: fc.nat(),
      stateVersion: fc.nat(),
      timestamp: fc.nat(2 ** 31 - 1),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(
      fc.uniqueArray(topic, { selector: (entry) => entry.topicName, maxLength: 8 }),
      dataVersion,
      (topics, version) => {
        const topicConfigTable = Object.fromEntries(
          topics.map((entry) => [
            entry.topicName,
            { ...entry, topicFilterType: 'SINGLE_TAG' as const, order: false, attributes: {} },
          ]),
        )
        const body = registerBrokerBody.encode({
          topicConfigSerializeWrapper: {
            dataVersion: version,
            topicConfigTable,
            topicQueueMappingDetailMap: {},
            topicQueueMappingInfoMap: {},
          },
          filterServerList: ['f:1'],
        })
        const decoded = decode(body)
        const byName = (list: readonly { topicName: string }[]) =>
          [...list].sort((a, b) => (a.topicName < b.topicName ? -1 : 1))
        assert.deepEqual(byName(decoded.topics), byName(topics))
        assert.deepEqual(decoded.dataVersion, version)
        assert.deepEqual(decoded.filterServers, ['f:1'])
        assert.deepEqual(peekDataVersion(body, plain), version)
      },
    ),
    { numRuns: 200 },
  )
})

test('a broker older than 3.0.11 sends the topics without a wrapper', () => {
  const old = { isCompressed: false, version: 36 }
  const decoded = decode(
    '{"dataVersion":{"counter":1,"timestamp":2},"topicConfigTable":{"T":{"topicName":"T"}}}',
    old,
  )
  assert.equal(decoded.topics.length, 1)
  assert.equal(decoded.dataVersion.counter, 1)
  assert.deepEqual(decoded.filterServers, [])
})

test('an absent body is a broker without topics', () => {
  for (const format of [plain, compressed]) {
    const decoded = decode('', format)
    assert.deepEqual(decoded.topics, [])
    assert.deepEqual(decoded.dataVersion, { counter: 0, stateVersion: 0, timestamp: 0 })
  }
})

/** The compressed form, before it is compressed. */
function blocks(
  topics: readonly string[],
  changes: { version?: string; filters?: string; mappings?: string[] } = {},
) {
  const parts: Buffer[] = []
  const int = (value: number): void => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(value)
    parts.push(bytes)
  }
  const block = (text: string): void => {
    int(Buffer.byteLength(text))
    parts.push(Buffer.from(text))
  }
  block(changes.version ?? '{"counter":3,"stateVersion":0,"timestamp":9}')
  int(topics.length)
  for (const topic of topics) block(topic)
  block(changes.filters ?? '[]')
  if (changes.mappings !== undefined) {
    int(changes.mappings.length)
    for (const mapping of changes.mappings) block(mapping)
  }
  return Buffer.concat(parts)
}

test('the compressed form is read', () => {
  const body = deflateSync(
    blocks(['T1 8 4 6 SINGLE_TAG {"+message.type":"FIFO"}', 'T2 1 2 4 MULTI_TAG '], {
      mappings: ['{"topic":"T1","bname":"broker-a","currIdMap":{0:0}}', '{"bname":"no topic"}'],
    }),
  )
  const decoded = decode(body, compressed)
  assert.deepEqual(decoded.topics, [
    { topicName: 'T1', readQueueNums: 8, writeQueueNums: 4, perm: 6, topicSysFlag: 0 },
    { topicName: 'T2', readQueueNums: 1, writeQueueNums: 2, perm: 4, topicSysFlag: 0 },
  ])
  assert.equal(decoded.dataVersion.counter, 3)
  assert.equal(decoded.mappings.length, 1)
  const old = { isCompressed: true, version: 400 }
  assert.equal(decode(deflateSync(blocks(['T1 8 4 6 SINGLE_TAG'])), old).topics.length, 1)
})

test('every cut of the compressed form is refused, or read when nothing is missing', () => {
  const whole = blocks(['T1 8 4 6 SINGLE_TAG {}'], { mappings: ['{"topic":"T1"}'] })
  for (let length = 0; length < whole.length; length += 1)
    refused(deflateSync(whole.subarray(0, length)), /it ends|cannot be/, compressed)
})

test('a compressed body that is none, lies about its counts or inflates without end is refused', () => {
  refused('not deflated', /it is not a deflate stream/, compressed)
  refused(JAVA_BODY, /it is not a deflate stream/, compressed)
  refused(deflateSync(blocks(['T1 8 4'])), /"T1 8 4" is not a topic/, compressed)
  refused(deflateSync(blocks(['T1 8 x 6 SINGLE_TAG'])), /topicConfigTable\.T1\.writeQueueNums/, compressed)
  refused(deflateSync(blocks([], { version: '[]' })), /dataVersion/, compressed)
  refused(deflateSync(blocks([], { filters: '{}' })), /filterServerList/, compressed)
  const negative = blocks(['T1 8 4 6 SINGLE_TAG'])
  negative.writeInt32BE(-1, 0)
  refused(deflateSync(negative), /the data version: -1 cannot be/, compressed)
  negative.writeInt32BE(0x7fffffff, 0)
  refused(deflateSync(negative), /cannot be/, compressed)
  const bomb = deflateSync(Buffer.alloc(100_000))
  refused(bomb, /it inflates to more than 1000 bytes/, compressed, {
    ...nameserverLimits,
    inflatedBytesMax: 1000,
  })
})

test('what is no registration is refused with the place that is wrong', () => {
  refused('garbage', /it is not JSON/)
  refused('[]', /RegisterBrokerBody is not an object/)
  refused('"text"', /RegisterBrokerBody is not an object/)
  refused('{"topicConfigSerializeWrapper":5}', /topicConfigSerializeWrapper is not an object/)
  refused('{"filterServerList":"x"}', /filterServerList is not a list of strings/)
  refused('{"filterServerList":[1]}', /filterServerList is not a list of strings/)
  const withTable = (table: string): string => `{"topicConfigSerializeWrapper":{"topicConfigTable":${table}}}`
  refused(withTable('[]'), /topicConfigTable is not an object/)
  refused(withTable('{"T":5}'), /topicConfigTable\.T is not an object/)
  refused(withTable('{"T":{"topicName":5}}'), /topicConfigTable\.T\.topicName is not a string/)
  refused(withTable('{"T":{"perm":"rw"}}'), /topicConfigTable\.T\.perm/)
  refused(withTable('{"T":{"perm":-1}}'), /topicConfigTable\.T\.perm: -1 is not between/)
  refused(withTable('{"T":{"readQueueNums":1e99}}'), /topicConfigTable\.T\.readQueueNums/)
  refused(withTable('{"":{}}'), /the name of a topic has 0 characters/)
  refused(withTable(`{"${'x'.repeat(256)}":{}}`), /the name of a topic has 256 characters/)
  refused('{"topicConfigSerializeWrapper":{"dataVersion":{"counter":"many"}}}', /dataVersion\.counter/)
  refused(
    '{"topicConfigSerializeWrapper":{"topicQueueMappingInfoMap":7}}',
    /topicQueueMappingInfoMap is not an object/,
  )
})

test('numbers in quotes are numbers, and a topic may be called __proto__', () => {
  const decoded = decode('{"topicConfigSerializeWrapper":{"topicConfigTable":{"__proto__":{"perm":"4"}}}}')
  assert.deepEqual(decoded.topics, [
    { topicName: '__proto__', readQueueNums: 16, writeQueueNums: 16, perm: 4, topicSysFlag: 0 },
  ])
})

test('whatever the bytes are, the reader answers or refuses', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.boolean(),
      fc.constantFrom(0, 36, 400, 479),
      (bytes, isCompressed, version) => {
        const body = Buffer.from(bytes)
        peekDataVersion(body, { isCompressed, version })
        try {
          decodeRegistration(body, { isCompressed, version }, nameserverLimits)
        } catch (error) {
          assert(error instanceof RequestError, String(error))
          assert.equal(error.code, 29)
        }
      },
    ),
  )
})

test('fingerprints differ when a body does, but not by the time of the mappings that Java brokers put into each', () => {
  const of = (text: string): string => fingerprintOf(Buffer.from(text))
  assert.equal(of('abc'), of('abc'))
  assert.notEqual(of('abc'), of('abd'))
  assert.notEqual(of(''), of('\0'))
  assert.equal(of(JAVA_BODY), of(JAVA_BODY.replace('"timestamp":5}', '"timestamp":1700000000123}')))
  assert.notEqual(of(JAVA_BODY), of(JAVA_BODY.replace('"T2"', '"T3"')))
  assert.notEqual(of(JAVA_BODY), of(JAVA_BODY.replace('"counter":7', '"counter":8')))
  const topic = (perm: number): string => `{"mappingDataVersion":{"perm":${perm}}}`
  assert.notEqual(of(topic(4)), of(topic(6)))
})
