import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logPosition, timestamp } from '../../base/units.ts'
import { hostBytes, hostText } from '../../message/host.ts'
import { offsetMessageId, parseOffsetMessageId, uniqueKeyMaker } from '../../message/message-id.ts'

test('an offset id names host and position, for both address families', () => {
  for (const [ip, digits] of [
    ['192.168.1.5', 32],
    ['2001:db8::7', 56],
  ] as const) {
    const host = hostBytes(ip, 10_911)
    assert(host)
    const id = offsetMessageId(host, logPosition(123_456_789_012))
    assert.equal(id.length, digits)
    assert.match(id, /^[0-9A-F]+$/)
    const parsed = parseOffsetMessageId(id)
    assert(parsed)
    assert.equal(parsed.position, 123_456_789_012)
    assert.equal(hostText(parsed.storeHost), hostText(host))
    assert.deepEqual(parseOffsetMessageId(id.toLowerCase()), parsed)
  }
  // As a Java broker on 127.0.0.1:10911 writes position 0x1A2B.
  const host = hostBytes('127.0.0.1', 10_911)
  assert(host)
  assert.equal(offsetMessageId(host, logPosition(0x1a2b)), '7F00000100002A9F0000000000001A2B')
})

test('other texts are no offset ids', () => {
  for (const id of [
    '',
    'x',
    'G'.repeat(32),
    '0'.repeat(31),
    '0'.repeat(33),
    `${'0'.repeat(16)}${'F'.repeat(16)}`,
  ])
    assert.equal(parseOffsetMessageId(id), undefined, id)
  // Beyond 2^53 - 1.
  assert.equal(parseOffsetMessageId(`${'0'.repeat(16)}0020000000000000`), undefined)
})

test('unique keys differ, also within one millisecond and across the end of a month', () => {
  let now = new Date(2026, 0, 31, 23, 59, 59, 999).getTime()
  const make = uniqueKeyMaker({
    ip: Buffer.from([10, 0, 0, 1]),
    pid: 4711,
    random: () => 0.5,
    now: () => timestamp(now),
  })
  const keys = new Set<string>()
  for (let index = 0; index < 1000; index++) keys.add(make())
  now += 1
  const first = make()
  keys.add(first)
  assert.equal(keys.size, 1001)
  assert.match(first, /^0A000001126780000000[0-9A-F]{12}$/)
  assert.equal(Number.parseInt(first.slice(20, 28), 16), 0)
  const wide = uniqueKeyMaker({ ip: Buffer.alloc(16), pid: 1, random: () => 0, now: () => timestamp(now) })
  assert.equal(wide().length, 56)
})
