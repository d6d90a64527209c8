import { connect, type Socket } from 'node:net'
import { type Command, decodeCommand, encodeFrame, HEADER_JSON } from '../../remoting/command.ts'
import { FrameDecoder } from '../../remoting/frame.ts'
import { head } from './wire.ts'

export interface Wish {
  readonly ext?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly form?: Command['headerForm']
  /** 2: one-way. */
  readonly flag?: number
  readonly version?: number
  readonly language?: number
}

/** A socket in the hand of a test: it sends whatever bytes, and shows what comes back and when the other side hangs up. */
export class Stranger {
  readonly socket: Socket
  /** Frames that nobody waited for. */
  readonly others: Command[] = []
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>
  isClosed = false
  answerCount = 0
  readonly #waiting = new Map<number, { done: (answer: Command) => void; fail: (error: Error) => void }>()
  readonly #decoder = new FrameDecoder({ frameBytesMax: 2 ** 26 })
  #opaque = 0

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.isClosed = true
        for (const { fail } of this.#waiting.values()) fail(new Error('the server closed the connection'))
        this.#waiting.clear()
        resolve()
      })
    })
  }

  /** `reads: false`: what the server sends stays in the socket. `from` is the address of this side. */
  static connect(
    address: string,
    options: { readonly reads?: boolean; readonly from?: string } = {},
  ): Promise<Stranger> {
    const colon = address.lastIndexOf(':')
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: address.slice(0, colon),
        port: Number(address.slice(colon + 1)),
        noDelay: true,
        ...(options.from === undefined ? {} : { localAddress: options.from }),
      })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        const stranger = new Stranger(socket)
        if (options.reads === false) socket.pause()
        else socket.on('data', (chunk: Buffer) => stranger.#take(chunk))
        resolve(stranger)
      })
    })
  }

  send(bytes: Uint8Array | string): void {
    if (!this.isClosed) this.socket.write(bytes)
  }

  /** Sends a request and does not wait. Returns its opaque. */
  request(code: number, wish: Wish = {}): number {
    this.#opaque += 1
    this.send(this.frame(code, this.#opaque, wish))
    return this.#opaque
  }

  /** Sends a request and waits for the answer with its opaque. Rejects when the connection closes or after ten seconds. */
  ask(code: number, wish: Wish = {}): Promise<Command> {
    const opaque = this.request(code, wish)
    return this.answer(opaque, `code ${code}`)
  }

  answer(opaque: number, what = `opaque ${opaque}`): Promise<Command> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) {
        reject(new Error('the connection is closed'))
        return
      }
      const timer = setTimeout(() => fail(new Error(`no answer to ${what} within 10 s`)), 10_000)
      const end = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(opaque)
      }
      const fail = (error: Error): void => {
        end()
        reject(error)
      }
      this.#waiting.set(opaque, {
        fail,
        done: (answer) => {
          end()
          resolve(answer)
        },
      })
    })
  }

  frame(code: number, opaque: number, { ext, body, form, flag, version, language }: Wish): Buffer {
    const fields = head({ code, opaque, flag: flag ?? 0, version: version ?? 479, language: language ?? 0 })
    return encodeFrame(fields, ext, body, form ?? HEADER_JSON)
  }

  close(): void {
    this.socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#decoder.push(chunk, (buffer, start, end) => {
      const command = decodeCommand(buffer, start, end)
      const waiting = (command.flag & 1) === 1 ? this.#waiting.get(command.opaque) : undefined
      this.answerCount += 1
      if (waiting !== undefined) waiting.done(command)
      else if (this.others.length < 1000) this.others.push(command)
      return true
    })
  }
}

/** A frame with this header text, right or wrong. */
export function rawFrame(
  header: string | Uint8Array,
  body: Uint8Array = new Uint8Array(0),
  form = 0,
): Buffer {
  const bytes = typeof header === 'string' ? Buffer.from(header) : header
  const frame = Buffer.alloc(8 + bytes.length + body.length)
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeUInt32BE(((form << 24) | bytes.length) >>> 0, 4)
  frame.set(bytes, 8)
  frame.set(body, 8 + bytes.length)
  return frame
}

/** True when a remark shows nothing of the inside: no stack, no class, no file. */
export const isPlain = (remark: string | undefined): boolean =>
  !/\n\s+at |node:|\.ts\b|Error:|Error\b.*\bat |\bundefined\b|\[object|internal error/.test(remark ?? '')
