import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Command, decodeCommand, HEADER_BINARY, HEADER_JSON } from '../../remoting/command.ts'
import { FrameDecoder } from '../../remoting/frame.ts'
import { Outbox } from '../../remoting/outbox.ts'
import { head } from '../support/wire.ts'

function commandsIn(parts: readonly Buffer[]): Command[] {
  const commands: Command[] = []
  const decoder = new FrameDecoder({ frameBytesMax: 2 ** 30 })
  for (const part of parts)
    decoder.push(Buffer.from(part), (buffer, start, end) => {
      commands.push(decodeCommand(buffer, start, end))
      return true
    })
  assert.equal(decoder.pendingBytes, 0)
  return commands
}

test('frames of several outboxes do not mix, whatever is taken when', () => {
  const action = fc.record({
    box: fc.nat(2),
    form: fc.constantFrom(HEADER_JSON, HEADER_BINARY),
    bodySizes: fc.array(fc.oneof(fc.nat(100), fc.integer({ min: 4000, max: 9000 })), { maxLength: 3 }),
    remark: fc.string({ unit: 'grapheme', maxLength: 30 }),
    isPrivate: fc.boolean(),
    take: fc.option(fc.integer({ min: 1, max: 20_000 })),
  })
  fc.assert(
    fc.property(fc.array(action, { minLength: 1, maxLength: 40 }), (actions) => {
      const boxes = [0, 1, 2].map(() => ({
        outbox: new Outbox(),
        parts: [] as Buffer[],
        sent: [] as [number, number][],
      }))
      for (const [index, { box, form, bodySizes, remark, isPrivate, take }] of actions.entries()) {
        const target = boxes[box]
        assert(target)
        target.outbox.usePrivateSlab(isPrivate)
        const body = bodySizes.map((size) => Buffer.alloc(size, index))
        target.outbox.addFrame(form, head({ opaque: index, remark }), '', {}, body)
        target.sent.push([index, bodySizes.reduce((sum, size) => sum + size, 0)])
        if (take !== null) {
          const before = target.outbox.bytes
          const taken = target.outbox.take(take)
          const bytes = taken.reduce((sum, part) => sum + part.length, 0)
          assert.equal(bytes, Math.min(before, take))
          assert.equal(target.outbox.bytes, before - bytes)
          target.parts.push(...taken)
        }
      }
      for (const { outbox, parts, sent } of boxes) {
        const commands = commandsIn([...parts, ...outbox.take(Number.POSITIVE_INFINITY)])
        assert.deepEqual(
          commands.map(({ opaque, body }) => [opaque, body.length]),
          sent,
        )
        for (const { opaque, body } of commands) assert(body.every((byte) => byte === opaque))
      }
    }),
    { numRuns: 60 },
  )
})

test('small frames of one turn leave as one buffer', () => {
  const outbox = new Outbox()
  for (let index = 0; index < 100; index++)
    outbox.addFrame(HEADER_JSON, head({ opaque: index }), '', undefined, undefined)
  // Two at most: the shared slab may end among them.
  assert(outbox.take(Number.POSITIVE_INFINITY).length <= 2)
})

test('large bodies are passed on uncopied, neighbours in memory as one view', () => {
  const log = Buffer.alloc(100_000, 7)
  const records = Array.from({ length: 10 }, (_, index) => log.subarray(index * 2000, (index + 1) * 2000))
  const outbox = new Outbox()
  outbox.addFrame(HEADER_JSON, head({}), '', undefined, [...records, log.subarray(50_000, 60_000)])
  const parts = outbox.take(Number.POSITIVE_INFINITY)
  assert.deepEqual(
    parts
      .slice(-2)
      .map((part) => [part.buffer === log.buffer, part.byteOffset - log.byteOffset, part.length]),
    [
      [true, 0, 20_000],
      [true, 50_000, 10_000],
    ],
  )
  const [command] = commandsIn(parts)
  assert.equal(command?.body.length, 30_000)

  // The same offsets in other memory are no neighbours.
  const [one, two] = [Buffer.alloc(10_000, 1), Buffer.alloc(10_000, 2)]
  outbox.addFrame(HEADER_JSON, head({}), '', undefined, [one.subarray(0, 5000), two.subarray(5000)])
  const mixed = commandsIn(outbox.take(Number.POSITIVE_INFINITY))[0]?.body
  assert.deepEqual([mixed?.length, mixed?.[4999], mixed?.[5000]], [10_000, 1, 2])
})

test('a header longer than a slab goes out whole', () => {
  const outbox = new Outbox()
  const remark = 'é'.repeat(40_000)
  outbox.addFrame(HEADER_JSON, head({ remark }), '', undefined, undefined)
  const [part] = outbox.take(Number.POSITIVE_INFINITY)
  assert(part && part.length > 80_000)
})
