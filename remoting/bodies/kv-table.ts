import { body, mapOf, shape, text } from './schema.ts'

/** Answer of 28, 103 and 219: all values are strings. */
export const kvTableBody = body('KVTable', shape({ table: mapOf(text) }))
