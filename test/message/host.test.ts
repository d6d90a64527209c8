import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostBytes, hostIp, hostPort, hostText, isIpv6Host } from '../../message/host.ts'

test('IPv4 addresses take 8 bytes with their port', () => {
  const host = hostBytes('10.0.255.7', 10_911)
  assert(host)
  assert.equal(Buffer.from(host).toString('hex'), '0a00ff0700002a9f')
  assert.equal(isIpv6Host(host), false)
  assert.equal(hostText(host), '10.0.255.7:10911')
})

test('IPv6 addresses take 20 bytes with their port', () => {
  const host = hostBytes('2001:db8::1', 65_535)
  assert(host)
  assert.equal(host.length, 20)
  assert(isIpv6Host(host))
  assert.equal(hostIp(host), '2001:db8:0:0:0:0:0:1')
  assert.equal(hostPort(host), 65_535)
  assert.equal(hostText(host), '[2001:db8:0:0:0:0:0:1]:65535')
  assert.equal(hostIp(hostBytes('::', 1) ?? host), '0:0:0:0:0:0:0:0')
  assert.equal(hostIp(hostBytes('1:2:3:4:5:6:7:8', 1) ?? host), '1:2:3:4:5:6:7:8')
})

test('IPv4 within IPv6, as dual-stack sockets report it, is IPv4', () => {
  assert.deepEqual(hostBytes('::ffff:10.0.0.1', 9876), hostBytes('10.0.0.1', 9876))
})

test('names and broken literals are no hosts', () => {
  for (const ip of [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    '::1%eth0',
    '1::2::3',
    '1:2',
    '12345::',
    'g::',
    ':1:2:3:4:5:6:7',
  ])
    assert.equal(hostBytes(ip, 1), undefined, ip)
})
