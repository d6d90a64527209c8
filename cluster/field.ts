/**
 * The small language in which the RocketCluster schema is written as data. From it come the TypeScript types here, the
 * checks in validate.ts and the defaults in defaults.ts; whatever it says can be said in a structural OpenAPI schema, too.
 */
export type Field = ObjectField | ListField | MapField | IntegerField | TextField | ChoiceField

interface Described {
  readonly description: string
}

export interface ObjectField<F extends Fields = Fields> extends Described {
  readonly type: 'object'
  readonly fields: F
  readonly required: readonly string[]
}

export type Fields = { readonly [name: string]: Field }

export interface ListField<I extends Field = Field> extends Described {
  readonly type: 'list'
  readonly item: I
  readonly itemsMax: number
  /** The field of an item that tells it from the others. */
  readonly keyedBy: string | undefined
}

/** Free keys with text as values; numbers and booleans are taken as they are written. */
export interface MapField extends Described {
  readonly type: 'map'
}

export interface IntegerField extends Described {
  readonly type: 'integer'
  readonly min: number
  readonly max: number
  readonly default: number | undefined
}

export interface TextField extends Described {
  readonly type: 'text'
  readonly pattern: RegExp
  /** The pattern in words. */
  readonly allowed: string
  readonly lengthMax: number
  readonly default: string | undefined
}

export interface ChoiceField<V extends string = string> extends Described {
  readonly type: 'choice'
  readonly values: readonly V[]
  readonly default: V | undefined
}

export const object = <const F extends Fields>(
  description: string,
  fields: F,
  required: readonly (keyof F & string)[] = [],
): ObjectField<F> => ({ type: 'object', description, fields, required })

export const list = <I extends Field>(
  description: string,
  item: I,
  { itemsMax, keyedBy }: { readonly itemsMax: number; readonly keyedBy?: string },
): ListField<I> => ({ type: 'list', description, item, itemsMax, keyedBy })

export const map = (description: string): MapField => ({ type: 'map', description })

export const integer = (
  description: string,
  range: { readonly min: number; readonly max: number; readonly default?: number },
): IntegerField => ({ type: 'integer', description, default: undefined, ...range })

export const text = (
  description: string,
  form: {
    readonly pattern: RegExp
    readonly allowed: string
    readonly lengthMax: number
    readonly default?: string
  },
): TextField => ({ type: 'text', description, default: undefined, ...form })

export const choice = <const V extends string>(
  description: string,
  values: readonly V[],
  byDefault?: NoInfer<V>,
): ChoiceField<V> => ({ type: 'choice', description, values, default: byDefault })

/** What a checked document holds: every field may be absent, defaults are not filled in yet. */
export type ValueOf<F extends Field> =
  F extends ObjectField<infer G>
    ? { readonly [N in keyof G]?: ValueOf<G[N]> }
    : F extends ListField<infer I>
      ? readonly ValueOf<I>[]
      : F extends MapField
        ? Readonly<Record<string, string>>
        : F extends IntegerField
          ? number
          : F extends ChoiceField<infer V>
            ? V
            : string
