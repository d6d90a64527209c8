/**
 * The three integers that must not mix are branded; everything else carries its unit in its name.
 * All are safe integers (|n| ≤ 2^53 − 1): 9 PB of log, 285,000 years of milliseconds.
 */
declare const unit: unique symbol
type Branded<Name extends string> = number & { readonly [unit]: Name }

/** A byte position in the commit log, counted from the first byte ever written. */
export type LogPosition = Branded<'LogPosition'>
/** The index of an entry in one consume queue, from 0. */
export type QueueOffset = Branded<'QueueOffset'>
/** Milliseconds since 1970, UTC. */
export type Timestamp = Branded<'Timestamp'>

export const logPosition = (value: number): LogPosition => value as LogPosition
export const queueOffset = (value: number): QueueOffset => value as QueueOffset
export const timestamp = (value: number): Timestamp => value as Timestamp
