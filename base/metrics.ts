/**
 * The small face over prom-client. Parts keep plain numbers on their hot paths and tell them when asked, so that a
 * metric costs nothing until somebody scrapes; prom-client is loaded at the first scrape.
 */
export type Labels = Readonly<Record<string, string>>
export type Sample = readonly [labels: Labels, value: number]

export interface Metrics {
  /** A value that only grows; `collect` yields it per label set at each scrape. */
  counter(name: string, help: string, collect: () => Iterable<Sample>): void
  gauge(name: string, help: string, collect: () => Iterable<Sample>): void
  /** Observed at once into fixed buckets (upper bounds, ascending). */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>
}

export interface Histogram {
  observe(value: number): void
}
