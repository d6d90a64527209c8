import { javaHash } from '../base/java-hash.ts'
import { findProperty, Property } from './properties.ts'

/**
 * The tags code of a consume queue entry: Java's hash of the TAGS value, sign-extended to 64 bits when written; 0 without
 * tags (MessageExtBrokerInner.tagsString2tagsCode).
 */
export const tagsCode = (tags: string | undefined): number => (tags === undefined ? 0 : javaHash(tags))

export const tagsCodeOf = (properties: string): number => tagsCode(findProperty(properties, Property.TAGS))

/** KEYS holds message keys with spaces between them. */
export const keysOf = (keys: string | undefined): readonly string[] =>
  keys === undefined ? [] : keys.split(' ').filter((key) => key !== '')
