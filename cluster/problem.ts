/** Something about a manifest, at a place in it: `spec.brokers.groups`. */
export interface Problem {
  readonly path: readonly (string | number)[]
  readonly text: string
}

export const pathText = (path: Problem['path']): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
