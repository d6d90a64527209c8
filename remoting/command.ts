/** The header forms of protocol §1.1: the byte at offset 4 of a frame. */
export const HEADER_JSON = 0
export const HEADER_BINARY = 1

export const FLAG_RESPONSE = 1
export const FLAG_ONEWAY = 2

/** One frame, decoded. Requests and answers share the shape. */
export interface Command {
  /** RequestCode or ResponseCode; binary aliases of the POP codes are already widened (protocol §1.2). */
  readonly code: number
  /** protocol §1.4; unknown names are 7 (OTHER). */
  readonly language: number
  readonly version: number
  readonly opaque: number
  readonly flag: number
  readonly remark: string | undefined
  /** Null prototype; values are strings whatever JSON type they came as. Undefined when the frame had none. */
  readonly ext: Readonly<Record<string, string>> | undefined
  readonly headerForm: typeof HEADER_JSON | typeof HEADER_BINARY
  /** A view into the receive buffer, not a copy. */
  readonly body: Buffer
}
