import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { PrometheusMetrics } from '../../base/prometheus.ts'

test('counters, gauges and histograms appear in Prometheus’ text format, numbers asked for at each scrape', async () => {
  const metrics = new PrometheusMetrics({ labels: { cluster: 'c' } })
  let count = 0
  metrics.counter('things_total', 'Things so far', () => [
    [{ kind: 'a' }, ++count],
    [{ kind: 'b"\\\n' }, 7],
  ])
  metrics.gauge('level', 'Level', () => [[{}, 1.5]])
  const histogram = metrics.histogram('took_seconds', 'Time', [0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 3]) histogram.observe(value)
  const text = await metrics.text()
  assert.match(text, /# TYPE things_total counter\nthings_total\{kind="a",cluster="c"\} 1\n/)
  assert.match(text, /things_total\{kind="b\\"\\\\\\n",cluster="c"\} 7\n/)
  assert.match(text, /# HELP level Level\n# TYPE level gauge\nlevel\{cluster="c"\} 1\.5\n/)
  assert.match(text, /# TYPE took_seconds histogram\n/)
  assert.match(text, /took_seconds_bucket\{le="0\.1",cluster="c"\} 2\n/)
  assert.match(text, /took_seconds_bucket\{le="1",cluster="c"\} 3\n/)
  assert.match(text, /took_seconds_bucket\{le="\+Inf",cluster="c"\} 4\n/)
  assert.match(text, /took_seconds_sum\{cluster="c"\} 3\.65\n/)
  assert.match(text, /took_seconds_count\{cluster="c"\} 4\n/)
  assert.match(await metrics.text(), /things_total\{kind="a",cluster="c"\} 2\n/)
})

test('process metrics are there on demand', async () => {
  const metrics = new PrometheusMetrics({ hasProcessMetrics: true })
  const text = await metrics.text()
  assert.match(text, /^process_resident_memory_bytes \d+/m)
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m)
})

test('scrapes at the same time share one collection; series are bounded', async () => {
  const metrics = new PrometheusMetrics()
  let collections = 0
  metrics.gauge('many', 'Too many', function* () {
    collections++
    for (let index = 0; index < 100_000; index++) yield [{ index: String(index) }, index] as const
  })
  const [first, second] = await Promise.all([metrics.text(), metrics.text()])
  assert.equal(first, second)
  assert.equal(collections, 1)
  assert.equal(first.match(/^many\{/gm)?.length, 20_000)
})

test('a metric that fails fails its scrape, not the next one', async () => {
  const metrics = new PrometheusMetrics()
  let isBroken = true
  metrics.gauge('level', 'Level', () => {
    if (isBroken) throw new Error('broken')
    return [[{}, 1]]
  })
  await assert.rejects(metrics.text(), /broken/)
  isBroken = false
  assert.match(await metrics.text(), /level 1/)
})

test('bad names, two of a name and unsorted buckets are bugs', () => {
  const metrics = new PrometheusMetrics()
  metrics.gauge('a', '', () => [])
  assert.throws(() => metrics.gauge('a', '', () => []), /two metrics/)
  assert.throws(() => metrics.gauge('a b', '', () => []), /no name/)
  assert.throws(() => metrics.histogram('h', '', [2, 1]), /ascending/)
})

test('prom-client is not loaded before the first scrape', () => {
  const program = `
    import { PrometheusMetrics } from './base/prometheus.ts'
    const metrics = new PrometheusMetrics()
    metrics.gauge('a', '', () => [])
    const loaded = () => Object.keys((await import('node:module')).default._cache).some((name) => name.includes('prom-client'))
  `.replace('loaded = ()', 'loaded = async ()')
  const check = `${program}
    const before = await loaded()
    await metrics.text()
    console.log(before, await loaded())`
  const run = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', check], {
    cwd: `${import.meta.dirname}/../..`,
    encoding: 'utf8',
  })
  assert.equal(run.stdout.trim(), 'false true', run.stderr)
})
