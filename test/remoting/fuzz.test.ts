import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { decodeCommand, encodeFrame, HEADER_BINARY, HEADER_JSON } from '../../remoting/command.ts'
import { Dispatcher } from '../../remoting/dispatch.ts'
import { FrameError, RequestError } from '../../remoting/errors.ts'
import { readHeader } from '../../remoting/fields.ts'
import { FrameDecoder } from '../../remoting/frame.ts'
import { requestList } from '../../remoting/request-list.ts'
import { head, turns, wire } from '../support/wire.ts'

/** xorshift32: the same figures in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const VALUES = [
  '',
  '0',
  '-1',
  '2147483648',
  '9223372036854775807',
  'true',
  'x',
  '\u0001\u0002',
  '"',
  '\\',
  'é',
  'a'.repeat(300),
]

/** A valid frame of a random request, its field values partly odd. */
function randomFrame(random: (below: number) => number): Buffer {
  const kind = requestList[random(requestList.length)]
  assert(kind)
  const ext: Record<string, string> = {}
  for (const [name, field] of Object.entries(kind.header))
    if (random(8) > 0)
      ext[field.wireName ?? name] = random(3) > 0 ? '1' : (VALUES[random(VALUES.length)] ?? '')
  const body = Buffer.alloc(random(3) * random(200), random(256))
  const fields = head({ code: kind.code, opaque: random(2 ** 31), language: random(20), flag: random(4) })
  return encodeFrame(fields, ext, body, random(2) === 0 ? HEADER_JSON : HEADER_BINARY)
}

/** A handful of the damages that happen or are made. */
function mutate(frame: Buffer, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(frame)
  for (let count = random(4); count >= 0; count--) {
    const at = random(bytes.length)
    switch (random(6)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
        break
      case 1:
        bytes[at] = random(256)
        break
      case 2:
        bytes = Buffer.from(bytes.subarray(0, Math.max(1, at)))
        break
      case 3:
        if (at + 4 <= bytes.length)
          bytes.writeInt32BE([0, -1, 2 ** 31 - 1, -(2 ** 31), 65_535, 16_777_216][random(6)] ?? 0, at)
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(bytes.length))])
        if (bytes.length === 0) bytes = Buffer.from([0])
        break
      default:
        // The length field is put right, so that what is inside gets its chance.
        if (bytes.length >= 8) bytes.writeInt32BE(bytes.length - 4)
    }
  }
  return bytes
}

test('mutated frames give commands or FrameErrors, and headers or RequestErrors, nothing else', () => {
  const random = generator(20_261_125)
  let commands = 0
  let errors = 0
  const before = process.memoryUsage().arrayBuffers
  for (let run = 0; run < 60_000; run++) {
    const bytes = mutate(randomFrame(random), random)
    const decoder = new FrameDecoder({ frameBytesMax: 16_777_216 })
    try {
      decoder.push(bytes, (buffer, start, end) => {
        const command = decodeCommand(buffer, start, end)
        commands += 1
        const kind = requestList.find(({ code }) => code === command.code)
        if (kind === undefined) return true
        try {
          readHeader(kind.header, command.ext)
        } catch (error) {
          assert(error instanceof RequestError, String(error))
        }
        return true
      })
      assert(decoder.pendingBytes <= bytes.length)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      errors += 1
    }
  }
  assert(commands > 5000 && errors > 5000, `${commands} commands, ${errors} errors: the mutations miss`)
  assert(process.memoryUsage().arrayBuffers - before < 200_000_000)
})

test('random bytes behind a valid length give commands or FrameErrors', () => {
  const random = generator(7)
  for (let run = 0; run < 30_000; run++) {
    const frame = Buffer.alloc(8 + random(60))
    for (let at = 4; at < frame.length; at++) frame[at] = random(256)
    frame.writeInt32BE(frame.length - 4)
    frame.writeInt32BE((random(3) << 24) | random(frame.length), 4)
    try {
      decodeCommand(frame)
    } catch (error) {
      assert(error instanceof FrameError, String(error))
    }
  }
})

test('connections that get mutated sessions live or close; an honest one beside them is answered (C9)', async () => {
  const random = generator(99)
  const dispatcher = new Dispatcher({ log: silentLog })
  for (const kind of requestList)
    dispatcher.on(kind, async ({ header }) => ({ body: Buffer.from(String(Object.keys(header).length)) }))
  const honest = wire({ dispatcher })
  let closed = 0
  for (let session = 0; session < 300; session++) {
    const { near, far } = wire({ dispatcher })
    for (let frame = 0; frame < 5; frame++) far.bytes(mutate(randomFrame(random), random))
    await turns(2)
    if (near.isClosed) closed += 1
    near.close('end of the session')
    honest.far.send({ code: 34, opaque: session })
  }
  await turns()
  assert(closed > 50 && closed < 300, `${closed} of 300 closed`)
  assert.equal(honest.far.commands.length, 300)
})
