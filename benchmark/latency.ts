/**
 * Latencies in microseconds, counted in buckets that are at most 1/32 wide: exact enough for percentiles, constant memory,
 * no sorting.
 */
const SUB_BUCKETS = 64

export class Latencies {
  readonly #counts = new Float64Array(SUB_BUCKETS * 32)
  #count = 0
  #sum = 0
  #max = 0

  add(us: number): void {
    this.#counts[bucketOf(us)] = (this.#counts[bucketOf(us)] ?? 0) + 1
    this.#count++
    this.#sum += us
    if (us > this.#max) this.#max = us
  }

  get count(): number {
    return this.#count
  }

  /** The upper edge of the bucket in which the quantile lies, in µs. */
  quantile(q: number): number {
    let left = Math.ceil(this.#count * q)
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket] ?? 0
      if (left <= 0) return Math.min(this.#max, edgeOf(bucket))
    }
    return this.#max
  }

  summary(): Readonly<Record<'avg' | 'p50' | 'p90' | 'p99' | 'p999' | 'max', number>> {
    return {
      avg: this.#count === 0 ? 0 : Math.round(this.#sum / this.#count),
      p50: Math.round(this.quantile(0.5)),
      p90: Math.round(this.quantile(0.9)),
      p99: Math.round(this.quantile(0.99)),
      p999: Math.round(this.quantile(0.999)),
      max: Math.round(this.#max),
    }
  }
}

/** Values below 64 have a bucket each; above, 32 buckets per power of two. */
function bucketOf(us: number): number {
  const value = Math.min(Math.max(0, Math.floor(us)), 2 ** 31 - 1)
  if (value < SUB_BUCKETS) return value
  const power = 26 - Math.clz32(value)
  return SUB_BUCKETS + (power - 1) * (SUB_BUCKETS / 2) + (value >>> power) - SUB_BUCKETS / 2
}

function edgeOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket
  const power = Math.floor((bucket - SUB_BUCKETS) / (SUB_BUCKETS / 2)) + 1
  const mantissa = ((bucket - SUB_BUCKETS) % (SUB_BUCKETS / 2)) + SUB_BUCKETS / 2
  return (mantissa + 1) * 2 ** power - 1
}
