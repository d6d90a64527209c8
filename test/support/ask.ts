import { connect } from 'node:net'

/**
 * One request over a connection of its own, with a JSON header. Deliberately apart from remoting/: a suite that
 * judges our wire must not read it with our own codec.
 */
export function ask(
  address: string,
  code: number,
  fields: Readonly<Record<string, string>>,
  body = Buffer.alloc(0),
  timeoutMs = 5000,
): Promise<{ readonly code: number; readonly header: Record<string, unknown>; readonly body: Buffer }> {
  const header = Buffer.from(
    JSON.stringify({
      code,
      language: 'JAVA',
      version: 479,
      opaque: 1,
      flag: 0,
      serializeTypeCurrentRPC: 'JSON',
      extFields: fields,
    }),
  )
  const frame = Buffer.concat([Buffer.alloc(8), header, body])
  frame.writeInt32BE(4 + header.length + body.length, 0)
  frame.writeInt32BE(header.length, 4)
  const colon = address.lastIndexOf(':')
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) })
    let bytes: Buffer = Buffer.alloc(0)
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new Error(`no answer to ${code} within ${timeoutMs} ms`)),
    )
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${address} closed the connection on request ${code}`)))
    socket.on('connect', () => socket.write(frame))
    socket.on('data', (data: Buffer) => {
      bytes = Buffer.concat([bytes, data])
      if (bytes.length < 8 || bytes.length < 4 + bytes.readInt32BE(0)) return
      const headerSize = bytes.readInt32BE(4) & 0xffffff
      const parsed = JSON.parse(bytes.toString('utf8', 8, 8 + headerSize)) as Record<string, unknown>
      resolve({
        code: Number(parsed.code),
        header: parsed,
        body: bytes.subarray(8 + headerSize, 4 + bytes.readInt32BE(0)),
      })
      socket.destroy()
    })
  })
}
