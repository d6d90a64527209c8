import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeLz4Frame, Lz4Error } from '../../client/lz4.ts'

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'fixtures', name))

test('a body that a Java producer compressed with LZ4 is read', () => {
  const text = decodeLz4Frame(fixture('java-lz4.bin'), 1 << 20)
  assert.equal(text.length, 30_610)
  assert.equal(
    createHash('sha256').update(text).digest('hex'),
    '4a2284c20ce949c021c5d06422151571daef262008d6ef0fde50e2043df9e69f',
  )
})

test('a frame of the lz4 tool with a content size is read', () => {
  const text = decodeLz4Frame(fixture('license.lz4'), 1 << 20)
  assert.deepEqual(text, readFileSync(join(import.meta.dirname, '../../LICENSE')))
})

test('content beyond the limit is refused', () => {
  assert.throws(() => decodeLz4Frame(fixture('java-lz4.bin'), 30_000), /larger than 30000 bytes/)
})

test('damaged frames give an Lz4Error or wrong text, never another error', () => {
  const frame = fixture('java-lz4.bin')
  fc.assert(
    fc.property(
      fc.nat(frame.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.nat(frame.length),
      (at, flip, cut) => {
        const damaged = Buffer.from(frame.subarray(0, Math.max(cut, 1)))
        damaged[at % damaged.length] = (damaged[at % damaged.length] ?? 0) ^ flip
        try {
          decodeLz4Frame(damaged, 1 << 20)
        } catch (error) {
          assert.ok(error instanceof Lz4Error, String(error))
        }
      },
    ),
    { numRuns: 500 },
  )
})
