import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc31, crc32 } from '../../base/crc32.ts'

test('the check value of CRC-32/IEEE comes out, in one go and in parts', () => {
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926)
  assert.equal(crc32(Buffer.from('6789'), crc32(Buffer.from('12345'))), 0xcbf43926)
  assert.equal(crc32(Buffer.alloc(0)), 0)
})

test('records carry it without the top bit', () => {
  assert.equal(crc31(Buffer.from('123456789')), 0x4bf43926)
})
