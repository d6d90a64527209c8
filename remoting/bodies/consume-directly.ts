import { body, flag, integer, maybe, oneOf, orElse, shape, text } from './schema.ts'

/** Answer of 309, made by a client. */
export const consumeDirectlyBody = body(
  'ConsumeMessageDirectlyResult',
  shape({
    order: orElse(flag, false),
    autoCommit: orElse(flag, true),
    consumeResult: maybe(
      oneOf('CR_SUCCESS', 'CR_LATER', 'CR_ROLLBACK', 'CR_COMMIT', 'CR_THROW_EXCEPTION', 'CR_RETURN_NULL'),
    ),
    remark: maybe(text),
    spentTimeMills: orElse(integer, 0),
  }),
)
