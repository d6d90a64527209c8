import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameError } from '../../remoting/errors.ts'
import { FrameDecoder } from '../../remoting/frame.ts'

const limits = { frameBytesMax: 16_777_216 }

const frameOf = (content: Uint8Array): Buffer => {
  const frame = Buffer.alloc(4 + content.length)
  frame.writeInt32BE(content.length)
  frame.set(content, 4)
  return frame
}

/** Pushes the chunks and gives the frames that came out, as copies. */
function decode(chunks: readonly Buffer[], decoder = new FrameDecoder(limits)): Buffer[] {
  const frames: Buffer[] = []
  for (const chunk of chunks) {
    const done = decoder.push(chunk, (buffer, start, end) => {
      frames.push(Buffer.from(buffer.subarray(start, end)))
      return true
    })
    assert.equal(done, chunk.length)
  }
  return frames
}

const contents = fc.array(fc.uint8Array({ minLength: 4, maxLength: 40 }), { minLength: 1, maxLength: 4 })

test('frames come out whole, wherever the stream is cut in two', () => {
  fc.assert(
    fc.property(contents, (parts) => {
      const frames = parts.map(frameOf)
      const stream = Buffer.concat(frames)
      for (let at = 0; at <= stream.length; at++)
        assert.deepEqual(decode([stream.subarray(0, at), stream.subarray(at)].map(Buffer.from)), frames)
    }),
    { numRuns: 30 },
  )
})

test('frames come out whole, however the stream is cut, byte by byte too', () => {
  fc.assert(
    fc.property(contents, fc.array(fc.nat(200), { maxLength: 12 }), (parts, cuts) => {
      const frames = parts.map(frameOf)
      const stream = Buffer.concat(frames)
      const places = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length]
      const chunks = places.slice(1).map((end, index) => Buffer.from(stream.subarray(places[index], end)))
      assert.deepEqual(decode(chunks), frames)
      assert.deepEqual(decode([...stream].map((byte) => Buffer.from([byte]))), frames)
    }),
    { numRuns: 100 },
  )
})

test('a frame of many chunks is gathered without loss', () => {
  const big = frameOf(Buffer.alloc(3_000_000, 'abcdefg'))
  const small = frameOf(Buffer.alloc(4))
  const stream = Buffer.concat([small, big, small])
  const chunks: Buffer[] = []
  for (let at = 0; at < stream.length; at += 65_536) chunks.push(stream.subarray(at, at + 65_536))
  assert.deepEqual(decode(chunks), [small, big, small])
})

test('a listener that stops gets the rest when it is pushed again', () => {
  fc.assert(
    fc.property(contents, fc.nat(60), (parts, cut) => {
      const frames = parts.map(frameOf)
      const stream = Buffer.concat(frames)
      const decoder = new FrameDecoder(limits)
      const seen: Buffer[] = []
      for (const chunk of [stream.subarray(0, cut), stream.subarray(cut)]) {
        let rest = Buffer.from(chunk)
        while (rest.length > 0) {
          const done = decoder.push(rest, (buffer, start, end) => {
            seen.push(Buffer.from(buffer.subarray(start, end)))
            return false
          })
          rest = rest.subarray(done)
        }
      }
      assert.deepEqual(seen, frames)
    }),
  )
})

test('pending bytes are those of the unfinished frame', () => {
  const decoder = new FrameDecoder(limits)
  const frame = frameOf(Buffer.alloc(10))
  for (let at = 0; at < frame.length; at++) {
    assert.equal(decoder.pendingBytes, at)
    decode([frame.subarray(at, at + 1)], decoder)
  }
  assert.equal(decoder.pendingBytes, 0)
})

const lengthFrame = (length: number): Buffer => {
  const frame = Buffer.alloc(64)
  frame.writeInt32BE(length)
  return frame
}

test('a length beyond the limit is refused before anything is allocated (F1)', () => {
  const before = process.memoryUsage()
  let seed = 1
  for (let index = 0; index < 10_000; index++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
    const length = limits.frameBytesMax - 3 + (seed % (0x7fffffff - limits.frameBytesMax))
    assert.throws(() => decode([lengthFrame(length)]), FrameError)
  }
  assert.throws(() => decode([lengthFrame(0x7fffffff)]), /frame length 2147483647, allowed are 4 to 16777212/)
  assert(process.memoryUsage().arrayBuffers - before.arrayBuffers < 1_000_000 + 10_000 * 64)
})

test('a length within the limit allocates only what has arrived', () => {
  const before = process.memoryUsage().arrayBuffers
  const decoders = Array.from({ length: 200 }, () => new FrameDecoder(limits))
  for (const decoder of decoders) decode([lengthFrame(limits.frameBytesMax - 4)], decoder)
  assert(process.memoryUsage().arrayBuffers - before < 200 * 70_000 + 1_000_000)
  assert.equal(decoders.length, 200)
})

test('negative lengths are refused, and lengths too short for the header word (F2, F3)', () => {
  for (const length of [-1, -4, -(2 ** 31), -16_777_216, 0, 1, 2, 3]) {
    const frame = lengthFrame(length)
    assert.throws(() => decode([frame]), FrameError, String(length))
    assert.throws(() => decode([frame.subarray(0, 2), frame.subarray(2)]), FrameError, String(length))
  }
  for (const length of [4, 5, 8])
    assert.equal(decode([lengthFrame(length).subarray(0, 4 + length)]).length, 1)
})

test('other protocols on the port are told by their first bytes (C7)', () => {
  const cases: [Buffer, RegExp][] = [
    [Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), /TLS handshake/],
    [Buffer.from('GET / HTTP/1.1\r\n\r\n'), /HTTP request/],
    [Buffer.from('POST /x HTTP/1.1\r\n'), /HTTP request/],
    [Buffer.from('PRI * HTTP/2.0\r\n'), /HTTP request/],
    [Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n'), /PROXY protocol/],
    [Buffer.from('\r\n\r\n\0\r\nQUIT\n'), /PROXY protocol/],
    [Buffer.from('SSH-2.0-x\r\n'), /frame length \d+/],
  ]
  for (const [bytes, text] of cases)
    assert.throws(
      () => decode([bytes]),
      (error) => error instanceof FrameError && text.test(error.message),
    )
})
