import type { Metric, Registry } from 'prom-client'
import { assert } from './assert.ts'
import type { Histogram, Labels, Metrics, Sample } from './metrics.ts'

export interface PrometheusOptions {
  /** On every series. */
  readonly labels?: Labels
  /** process_* and nodejs_*: processor time, memory, event loop delay, garbage collection. */
  readonly hasProcessMetrics?: boolean
}

interface Value {
  readonly metricName?: string
  readonly labels: Labels
  readonly value: number
}

/** What prom-client's registry asks of a metric: everything it prints. */
interface Exposed {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  get(): Promise<object>
}

/** Series of one metric in one scrape: a part that has more labels than it should costs the scrape, not the process. */
const SERIES_MAX = 20_000
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

/**
 * Metrics over prom-client, which is loaded at the first scrape: what nobody looks at costs neither memory nor start time.
 * Until then only the numbers of the histograms are kept here.
 */
export class PrometheusMetrics implements Metrics {
  readonly #options: PrometheusOptions
  readonly #exposed = new Map<string, Exposed>()
  #registry: Promise<Registry> | undefined
  #scrape: Promise<string> | undefined

  constructor(options: PrometheusOptions = {}) {
    this.#options = options
  }

  counter(name: string, help: string, collect: () => Iterable<Sample>): void {
    this.#add({ name, help, type: 'counter', values: () => valuesOf(collect()) })
  }

  gauge(name: string, help: string, collect: () => Iterable<Sample>): void {
    this.#add({ name, help, type: 'gauge', values: () => valuesOf(collect()) })
  }

  histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    const histogram = new FixedHistogram(name, buckets)
    this.#add({ name, help, type: 'histogram', values: () => histogram.values() })
    return histogram
  }

  /** Scrapes at the same time share one collection. */
  text(): Promise<string> {
    this.#scrape ??= this.#load()
      .then((registry) => registry.metrics())
      .finally(() => {
        this.#scrape = undefined
      })
    return this.#scrape
  }

  #add(metric: Omit<Exposed, 'get'> & { readonly values: () => readonly Value[] }): void {
    const { name, help, type, values } = metric
    assert(NAME.test(name), `${name} is no name for a metric`)
    assert(!this.#exposed.has(name), `two metrics are called ${name}`)
    assert(this.#registry === undefined, `${name} was declared after the first scrape`)
    this.#exposed.set(name, {
      name,
      help,
      type,
      get: async () => ({ name, help, type, aggregator: 'sum', values: values() }),
    })
  }

  #load(): Promise<Registry> {
    this.#registry ??= this.#makeRegistry()
    return this.#registry
  }

  async #makeRegistry(): Promise<Registry> {
    const { Registry, collectDefaultMetrics } = await import('prom-client')
    const registry = new Registry()
    registry.setDefaultLabels(this.#options.labels ?? {})
    if (this.#options.hasProcessMetrics === true) collectDefaultMetrics({ register: registry })
    for (const metric of this.#exposed.values()) registry.registerMetric(metric as unknown as Metric)
    return registry
  }
}

function valuesOf(samples: Iterable<Sample>): readonly Value[] {
  const values: Value[] = []
  for (const [labels, value] of samples) {
    if (values.length >= SERIES_MAX) break
    values.push({ labels, value })
  }
  return values
}

class FixedHistogram implements Histogram {
  readonly #name: string
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0
  #count = 0

  constructor(name: string, bounds: readonly number[]) {
    this.#name = name
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length)
    for (let at = 1; at < bounds.length; at++)
      assert((bounds[at - 1] ?? 0) < (bounds[at] ?? 0), `the buckets of ${name} are not in ascending order`)
  }

  observe(value: number): void {
    this.#sum += value
    this.#count += 1
    for (let at = 0; at < this.#bounds.length; at++)
      if (value <= (this.#bounds[at] ?? 0)) {
        this.#counts[at] = (this.#counts[at] ?? 0) + 1
        return
      }
  }

  values(): readonly Value[] {
    const values: Value[] = []
    let below = 0
    for (const [at, bound] of this.#bounds.entries()) {
      below += this.#counts[at] ?? 0
      values.push({ metricName: `${this.#name}_bucket`, labels: { le: String(bound) }, value: below })
    }
    values.push(
      { metricName: `${this.#name}_bucket`, labels: { le: '+Inf' }, value: this.#count },
      { metricName: `${this.#name}_sum`, labels: {}, value: this.#sum },
      { metricName: `${this.#name}_count`, labels: {}, value: this.#count },
    )
    return values
  }
}
