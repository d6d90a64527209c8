import { ResponseCode } from '../remoting/codes.ts'
import { RequestError } from '../remoting/errors.ts'
import { StoreError } from '../store/store.ts'

/**
 * What a peer is told about a failure: a RequestError as it is, a StoreError by its kind. Undefined for everything else,
 * which is a bug of ours and not the peer's business.
 */
export function asRequestError(error: unknown): RequestError | undefined {
  if (error instanceof RequestError) return error
  if (!(error instanceof StoreError)) return undefined
  const options = { cause: error }
  switch (error.kind) {
    case 'illegal':
      return new RequestError(ResponseCode.MESSAGE_ILLEGAL, error.message, options)
    case 'busy':
      // Producers try another broker after 2; the word in front is the one RocketMQ's clients and tools look for.
      return new RequestError(
        ResponseCode.SYSTEM_BUSY,
        `[REJECTREQUEST]system busy: ${error.message}`,
        options,
      )
    case 'unavailable':
    case 'unknown':
    case 'corrupt':
      return new RequestError(
        ResponseCode.SERVICE_NOT_AVAILABLE,
        `service not available now: ${error.message}`,
        options,
      )
  }
}
