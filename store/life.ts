import { StoreError } from './store.ts'

/** Whether the store lives, shared by the parts that end it and those that ask. */
export class StoreLife {
  isClosed = false
  failure: StoreError | undefined
  readonly #listeners: ((error: StoreError) => void)[] = []

  onFailure(listener: (error: StoreError) => void): void {
    if (this.failure === undefined) this.#listeners.push(listener)
    else listener(this.failure)
  }

  fail(error: StoreError): void {
    if (this.failure !== undefined) return
    this.failure = error
    for (const listener of this.#listeners) listener(error)
  }

  /** Why nothing is taken any more. */
  get refusal(): StoreError | undefined {
    if (this.failure !== undefined) return this.failure
    return this.isClosed ? new StoreError('unavailable', 'the store is closed') : undefined
  }
}
