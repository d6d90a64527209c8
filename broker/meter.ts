/** Messages per second over a window, or since the first message when that is shorter ago. */
export interface MeterRates {
  readonly last10s: number
  readonly last60s: number
  readonly last600s: number
}

/** A sample every 10 s for a minute, every 60 s for ten minutes, each with the one before. */
const SHORT = 7
const LONG = 11
const SAMPLE_S = 10
const SHORT_PER_LONG = 6
/** Samples without a change after which a meter is not worth its memory: a day. */
const IDLE_SAMPLES_MAX = (24 * 3600) / SAMPLE_S

/** Counts messages and remembers enough samples to tell rates. 300 bytes. */
export class Meter {
  messages = 0
  bytes = 0
  sentBack = 0
  deadLetters = 0
  readonly #short = new Float64Array(SHORT)
  readonly #long = new Float64Array(LONG)
  #samples = 0
  #idleSamples = 0

  add(messages: number, bytes: number): void {
    this.messages += messages
    this.bytes += bytes
  }

  /** To be called every 10 s. False when nothing happened for a day. */
  sample(): boolean {
    const last = this.#short[(this.#samples + SHORT - 1) % SHORT]
    this.#idleSamples = last === this.messages && this.#samples > 0 ? this.#idleSamples + 1 : 0
    this.#short[this.#samples % SHORT] = this.messages
    if (this.#samples % SHORT_PER_LONG === 0)
      this.#long[(this.#samples / SHORT_PER_LONG) % LONG] = this.messages
    this.#samples++
    return this.#idleSamples < IDLE_SAMPLES_MAX
  }

  rates(): MeterRates {
    return {
      last10s: this.#rate(this.#short, this.#samples, 1, SAMPLE_S),
      last60s: this.#rate(this.#short, this.#samples, SHORT - 1, SAMPLE_S),
      last600s: this.#rate(
        this.#long,
        Math.ceil(this.#samples / SHORT_PER_LONG),
        LONG - 1,
        SAMPLE_S * SHORT_PER_LONG,
      ),
    }
  }

  /** Before the first sample a meter counted nothing, so the samples that are missing are zeros. */
  #rate(ring: Float64Array, taken: number, steps: number, stepS: number): number {
    if (taken === 0) return 0
    const size = ring.length
    const last = ring[(taken - 1) % size] ?? 0
    const first = taken > steps ? (ring[(taken - 1 - steps) % size] ?? 0) : 0
    return (last - first) / (steps * stepS)
  }
}
