import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { type Log, silentLog } from '../../base/log.ts'
import { decodeCommand } from '../../remoting/command.ts'
import { FrameDecoder } from '../../remoting/frame.ts'
import { until } from '../support/broker-fixture.ts'
import { FrameMaker } from '../support/fuzz-frames.ts'
import { startHonestPair } from '../support/honest-pair.ts'
import { seededRandom } from '../support/random.ts'
import { isPlain } from '../support/stranger.ts'
import { startWholeCluster } from '../support/whole-cluster.ts'

/** FUZZ_FRAMES=1000000 FUZZ_SEED=7 node --test test/whole/fuzz.test.ts; the default is what a quick run can afford. */
const FRAMES = Number(process.env.FUZZ_FRAMES ?? 20_000)
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_127)
const CONNECTIONS = 24
/** Where a slow machine stops a quick run; a long one goes on to its end. */
const QUICK_LIMIT_MS = 6000
/** A connection that waits for the rest of a frame whose length was damaged says no more. */
const PATIENCE_MS = 150
const GROWTH_MAX_BYTES = 512 * 1024 * 1024

interface Tally {
  frames: number
  answers: number
  /** Closed by the server within a session. */
  closed: number
  sessions: number
  readonly codes: Map<number, number>
  /** Told of the position of every message that was stored. */
  readonly learn: (position: number) => void
}

/** The newest frames, for whoever has to find out which of them did it. */
class Ring {
  readonly #frames: Buffer[] = []
  #next = 0

  add(frame: Buffer): void {
    this.#frames[this.#next] = frame
    this.#next = (this.#next + 1) % 4000
  }

  dump(): string {
    const path = join(tmpdir(), `rocketcluster-fuzz-${SEED}-${process.pid}.hex`)
    const ordered = [...this.#frames.slice(this.#next), ...this.#frames.slice(0, this.#next)]
    writeFileSync(path, ordered.map((frame) => `${frame.toString('hex')}\n`).join(''))
    return path
  }
}

/** One session: some frames on one connection. Resolves when it is closed, by whomever. */
function session(address: string, frames: readonly Buffer[], isAbrupt: boolean, tally: Tally): Promise<void> {
  const colon = address.lastIndexOf(':')
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) })
    const decoder = new FrameDecoder({ frameBytesMax: 2 ** 26 })
    let isOurs = false
    let problem: Error | undefined
    const end = (): void => {
      isOurs = true
      if (isAbrupt) socket.destroy()
      else socket.end()
    }
    const timer = setTimeout(end, PATIENCE_MS)
    const stuck = setTimeout(() => reject(new Error('a connection did not close within 10 s')), 10_000)
    let answers = 0
    socket.on('error', () => undefined)
    socket.on('connect', () => {
      socket.write(Buffer.concat(frames))
      if (isAbrupt) end()
    })
    socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk, (buffer, start, stop) => {
          const { code, remark, flag, ext } = decodeCommand(buffer, start, stop)
          if ((flag & 1) === 0) return true
          answers += 1
          tally.answers += 1
          tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1)
          if (ext?.msgId !== undefined) tally.learn(Number.parseInt(ext.msgId.slice(16, 32), 16))
          if (!isPlain(remark)) problem = new Error(`answered ${code} ${remark}`)
          return true
        })
      } catch (error) {
        problem = error as Error
      }
      if (answers >= frames.length) end()
    })
    socket.once('close', () => {
      clearTimeout(timer)
      clearTimeout(stuck)
      tally.sessions += 1
      if (!isOurs) tally.closed += 1
      if (problem === undefined) resolve()
      else reject(problem)
    })
  })
}

test(`${FRAMES} frames of mutated sessions: nothing is lost, nothing leaks, an honest pair notices nothing (C9)`, async (t) => {
  const accidents: unknown[] = []
  const log: Log = {
    ...silentLog,
    error: (event, fields) => void accidents.push({ event, fields }),
    with: () => log,
  }
  // What strangers make is bounded, or the run would measure nothing but its own topics.
  const text = 'maxTopicNum=500\nmaxGroupNum=500'
  const cluster = await startWholeCluster(t, { log, text })
  const honest = await startHonestPair(t, cluster)
  const addresses = { broker: cluster.brokers[0]?.address ?? '', nameserver: cluster.nameservers }
  const random = seededRandom(SEED)
  const maker = new FrameMaker(random)
  const ring = new Ring()
  const tally: Tally = {
    frames: 0,
    answers: 0,
    closed: 0,
    sessions: 0,
    codes: new Map(),
    learn: (at) => maker.learn(at),
  }
  const delay = monitorEventLoopDelay({ resolution: 5 })
  const startedMs = performance.now()
  const isOver = (): boolean =>
    tally.frames >= FRAMES ||
    (process.env.FUZZ_FRAMES === undefined && performance.now() - startedMs > QUICK_LIMIT_MS)
  const attack = async (): Promise<void> => {
    while (!isOver()) {
      const server = random() < 0.75 ? 'broker' : 'nameserver'
      maker.chooseServer(server)
      const frames = maker.session(60)
      for (const frame of frames) ring.add(frame)
      tally.frames += frames.length
      await session(addresses[server], frames, random() < 0.2, tally)
    }
  }
  let baseRss = 0
  let peakRss = 0
  const watching = setInterval(() => {
    const { rss } = process.memoryUsage()
    // The first second is for the code to be compiled and the caches to be filled.
    if (performance.now() - startedMs < 1000) baseRss = rss
    peakRss = Math.max(peakRss, rss)
  }, 100)
  t.after(() => clearInterval(watching))
  delay.enable()
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, attack))
    assert.deepEqual(accidents, [])
    delay.disable()
    await honest.finish()
    assert(peakRss - baseRss < GROWTH_MAX_BYTES, `${peakRss - baseRss} bytes of memory more`)
    // Whatever was made meanwhile, topics, groups, offsets and messages, can be read by the next start.
    await cluster.restartBroker()
    const again = new Set<string>()
    await cluster.client().pushConsumer({
      group: 'after',
      subscriptions: { [honest.topic]: '*' },
      from: 'first',
      onMessage: ({ body }) => void again.add(body.toString()),
    })
    await until(
      'the honest messages are there after a restart',
      () => again.size === honest.sentCount,
      20_000,
    )
  } catch (error) {
    throw new Error(`seed ${SEED}, the newest frames are in ${ring.dump()}`, { cause: error })
  }
  const seconds = (performance.now() - startedMs) / 1000
  const codes = [...tally.codes].sort((a, b) => b[1] - a[1]).map(([code, count]) => `${code}:${count}`)
  t.diagnostic(
    `${tally.frames} frames in ${seconds.toFixed(1)} s, ${tally.sessions} sessions, ${tally.closed} closed by the server, ` +
      `${tally.answers} answers (${codes.join(' ')})`,
  )
  t.diagnostic(
    `memory ${mebibytes(baseRss)} → ${mebibytes(peakRss)} MiB at most, event loop p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, ` +
      `longest ${(delay.max / 1e6).toFixed(1)} ms; log of ${mebibytes(cluster.brokers[0]?.broker.store.status().maxPosition ?? 0)} MiB`,
  )
  // The mutations have to hit both: frames that are none, and requests that are served.
  assert(tally.closed > tally.sessions / 20, 'some sessions are closed')
  assert(tally.answers > tally.frames / 10, 'some requests are answered')
  assert((tally.codes.get(0) ?? 0) > 100 && (tally.codes.get(29) ?? 0) > 100)
})

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20)
