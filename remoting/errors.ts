/**
 * Two kinds of failure, told apart by type. A RequestError is an answer: its code and remark go back to the peer and
 * the connection lives. A FrameError is a peer that does not speak the protocol: one log line, and the connection closes.
 */
export class RequestError extends Error {
  override name = 'RequestError'
  readonly code: number
  /** Goes to the peer as it is: says what was wrong and what is allowed, never a stack or a class name. */
  readonly remark: string

  constructor(code: number, remark: string, options?: ErrorOptions) {
    super(remark, options)
    this.code = code
    this.remark = remark
  }
}

export class FrameError extends Error {
  override name = 'FrameError'
}

/** The peer did not answer: refused, closed, or silent for too long. The outcome of the request is unknown. */
export class ConnectionError extends Error {
  override name = 'ConnectionError'
  readonly reason: 'refused' | 'closed' | 'timeout' | 'aborted'

  constructor(reason: ConnectionError['reason'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
