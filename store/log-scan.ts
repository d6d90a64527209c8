import { type LogPosition, logPosition } from '../base/units.ts'
import { BLANK_BYTES, positionAt, verifyRecord } from '../message/record.ts'
import type { LogSums } from './log-sums.ts'
import type { Segments } from './segments.ts'

const READ_BYTES = 4 * 1024 * 1024

export interface ScanEnd {
  /** One past the last sound record. */
  readonly end: LogPosition
  /** What stands there instead of a record: undefined when the log simply ends (zeros, or no further file). */
  readonly damage: string | undefined
}

export interface ScanOptions {
  readonly recordBytesMax: number
  /** Bytes of the log as they are read, complete and in order, for the sums. */
  readonly sums: LogSums | undefined
  /** Called for each sound record, in log order. The buffer is the caller's to keep. */
  readonly onRecord: (bytes: Buffer, at: number, sizeBytes: number) => void
  /** Called once when the scan stands at this position, with everything below in the sums. */
  readonly mark: { readonly position: LogPosition; readonly reached: () => void } | undefined
  /** Between two reads: time to bring to disk what gathered. */
  readonly pause: () => Promise<void>
}

/**
 * Walks the log record by record from a position where one starts, to the first place where none does. Reads ahead in large
 * pieces; a record that a piece cuts is read again with the next.
 */
export async function scanLog(segments: Segments, from: LogPosition, options: ScanOptions): Promise<ScanEnd> {
  let position = from
  while (position < segments.end) {
    const segmentEnd = segments.startOf(position) + segments.sizeBytes
    const step = await scanSegment(segments, position, segmentEnd, options)
    if (!step.isComplete) return { end: step.position, damage: step.damage }
    position = logPosition(segmentEnd)
    options.sums?.skipTo(position)
  }
  if (options.mark?.position === position) options.mark.reached()
  return { end: position, damage: undefined }
}

interface SegmentScan {
  readonly position: LogPosition
  /** A blank led to the end of the segment. */
  readonly isComplete: boolean
  readonly damage: string | undefined
}

async function scanSegment(
  segments: Segments,
  from: LogPosition,
  segmentEnd: number,
  options: ScanOptions,
): Promise<SegmentScan> {
  let position = from
  let wanted = READ_BYTES
  while (position < segmentEnd) {
    const bytes = await segments.read(position, Math.min(wanted, segmentEnd - position))
    const piece = scanPiece(bytes, position, segmentEnd, options)
    position = piece.position
    await options.pause()
    if (piece.kind === 'more' && piece.wanted <= segmentEnd - position && piece.wanted > 0) {
      if (bytes.length < Math.min(wanted, segmentEnd - position)) break
      wanted = Math.max(READ_BYTES, piece.wanted)
      continue
    }
    if (piece.kind === 'blank')
      return { position: logPosition(segmentEnd), isComplete: true, damage: undefined }
    return { position, isComplete: false, damage: piece.damage }
  }
  return { position, isComplete: false, damage: undefined }
}

interface Piece {
  readonly kind: 'more' | 'blank' | 'end'
  readonly position: LogPosition
  readonly wanted: number
  readonly damage: string | undefined
}

function scanPiece(bytes: Buffer, start: LogPosition, segmentEnd: number, options: ScanOptions): Piece {
  const limits = { maxSizeBytes: options.recordBytesMax }
  let at = 0
  const stop = (kind: Piece['kind'], wanted: number, damage: string | undefined): Piece => {
    return { kind, position: logPosition(start + at), wanted, damage }
  }
  for (;;) {
    if (options.mark?.position === start + at) options.mark.reached()
    const check = verifyRecord(bytes, at, bytes.length, limits)
    if (check.kind === 'incomplete') return stop('more', check.neededBytes, undefined)
    if (check.kind === 'bad') return stop('end', 0, isZero(bytes, at) ? undefined : check.reason)
    if (check.kind === 'blank') {
      if (start + at + check.sizeBytes !== segmentEnd)
        return stop('end', 0, 'a blank that does not end its file')
      options.sums?.add(logPosition(start + at), bytes.subarray(at, at + BLANK_BYTES))
      return stop('blank', 0, undefined)
    }
    if (positionAt(bytes, at) !== start + at) return stop('end', 0, 'the record names another position')
    options.sums?.add(logPosition(start + at), bytes.subarray(at, at + check.sizeBytes))
    options.onRecord(bytes, at, check.sizeBytes)
    at += check.sizeBytes
  }
}

/** Unwritten space: eight zero bytes where a record would begin. */
const isZero = (bytes: Buffer, at: number): boolean =>
  bytes.readInt32BE(at) === 0 && bytes.readInt32BE(at + 4) === 0
