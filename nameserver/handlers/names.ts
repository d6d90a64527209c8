import { ResponseCode } from '../../remoting/codes.ts'
import { RequestError } from '../../remoting/errors.ts'

/** A name or an address that tables are keyed by: neither empty nor too long, without control characters. */
export function checkName(
  field: string,
  text: string,
  { nameLengthMax }: { readonly nameLengthMax: number },
): void {
  if (text.length === 0 || text.length > nameLengthMax)
    throw new RequestError(
      ResponseCode.INVALID_PARAMETER,
      `header field ${field}: ${text.length} characters, allowed are 1 to ${nameLengthMax}`,
    )
  for (let at = 0; at < text.length; at += 1)
    if (text.charCodeAt(at) < 0x20)
      throw new RequestError(
        ResponseCode.INVALID_PARAMETER,
        `header field ${field}: ${JSON.stringify(text.slice(0, 64))} contains control characters`,
      )
}
