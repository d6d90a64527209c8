import { body, list, shape, text } from './schema.ts'

/** Answer of 300: the groups that have offsets of a topic or subscribe to it now. */
export const groupListBody = body('GroupList', shape({ groupList: list(text) }))
