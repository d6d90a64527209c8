import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Timer } from '../../base/timer.ts'
import { Child, type ChildEvents } from '../../local/child.ts'
import { isRunning, temporaryFolder, untilTrue } from '../support/commands.ts'

/** A timer whose waits end when the test says so. */
class StepTimer implements Timer {
  readonly waits: { ms: number; run: () => void }[] = []
  every(): () => void {
    return () => undefined
  }
  after(ms: number, run: () => void): () => void {
    const wait = { ms, run }
    this.waits.push(wait)
    return () => this.#drop(wait)
  }
  next(): void {
    const wait = this.waits.shift()
    wait?.run()
  }
  #drop(wait: { ms: number; run: () => void }): void {
    const at = this.waits.indexOf(wait)
    if (at >= 0) this.waits.splice(at, 1)
  }
}

interface Fixture {
  readonly child: Child
  readonly timer: StepTimer
  readonly events: string[]
  nowMs: number
}

/** A child that runs `code`; send() tells its parent that it serves. */
function childOf(folder: string, code: string, random = 1): Fixture {
  const programFile = join(folder, 'program.mjs')
  writeFileSync(programFile, `const ready = () => process.send({ ready: {} });\n${code}`)
  const events: string[] = []
  const timer = new StepTimer()
  const log: ChildEvents = {
    ready: () => events.push('ready'),
    died: (_child, how, delayMs) => events.push(`died ${how} ${delayMs}`),
    left: () => events.push('left'),
    gaveUp: (child, how) => events.push(`gave up ${how}: ${child.lastLines.join('|')}`),
  }
  const fixture = { timer, events, nowMs: 0 }
  const child = new Child({
    server: {
      name: 'broker-a',
      program: 'broker',
      host: '127.0.0.1',
      port: 1,
      metricsPort: 2,
      ports: [],
      folder,
      configFile: join(folder, 'broker.conf'),
      configText: '',
    },
    programFile,
    logFolder: join(folder, 'logs'),
    timer,
    random: () => random,
    monotonicMs: () => fixture.nowMs,
    events: log,
  })
  return Object.assign(fixture, { child })
}

test('a child that dies starts again, each time after a longer wait, and is given up with its last lines', async () => {
  using folder = temporaryFolder()
  const { child, timer, events } = childOf(folder.path, `console.log('disk on fire'); process.exitCode = 1`)
  child.start()
  for (let deaths = 1; deaths <= 4; deaths++) {
    await untilTrue('death', () => events.length === deaths)
    timer.next()
  }
  await untilTrue('the end', () => events.length === 5)
  assert.deepEqual(events, [
    'died exit code 1 500',
    'died exit code 1 1000',
    'died exit code 1 2000',
    'died exit code 1 4000',
    'gave up exit code 1: disk on fire',
  ])
  assert(child.isGone)
  assert.deepEqual(timer.waits, [])
})

test('a child that served for a while has all its attempts again', async () => {
  using folder = temporaryFolder()
  const fixture = childOf(
    folder.path,
    `ready(); process.on('SIGTERM', () => process.exit(1)); setInterval(() => {}, 1000)`,
  )
  const { child, timer, events } = fixture
  child.start()
  for (let round = 1; round <= 7; round++) {
    await untilTrue('it serves', () => events.filter((event) => event === 'ready').length === round)
    fixture.nowMs += 60_000
    process.kill(child.pid, 'SIGKILL')
    await untilTrue('death', () => events.length === 2 * round)
    assert.equal(events.at(-1), 'died signal SIGKILL 500')
    if (round < 7) timer.next()
  }
  await child.stop()
  assert(child.isGone)
  assert.deepEqual(timer.waits, [], 'a stop cancels the restart')
})

test('a child whose configuration cannot be used is given up at once', async () => {
  using folder = temporaryFolder()
  const { child, events } = childOf(folder.path, `console.error('broker.conf:1: bad'); process.exitCode = 2`)
  child.start()
  await untilTrue('the end', () => events.length === 1)
  assert.deepEqual(events, ['gave up exit code 2: broker.conf:1: bad'])
})

test('a child that somebody else stops in order is left alone', async () => {
  using folder = temporaryFolder()
  const { child, events } = childOf(
    folder.path,
    `ready(); process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000)`,
  )
  child.start()
  await untilTrue('it serves', () => events.length === 1)
  process.kill(child.pid, 'SIGTERM')
  await untilTrue('it left', () => events.length === 2)
  assert.deepEqual(events, ['ready', 'left'])
  assert(child.isGone)
})

test('a child that does not stop when asked is killed after the limit', async () => {
  using folder = temporaryFolder()
  const { child, timer, events } = childOf(
    folder.path,
    `process.on('SIGTERM', () => {}); ready(); setInterval(() => {}, 1000)`,
  )
  child.start()
  await untilTrue('it serves', () => events.length === 1)
  const { pid } = child
  const stopped = child.stop()
  assert.equal(timer.waits.length, 1)
  timer.next()
  await stopped
  assert(!isRunning(pid))
  assert.deepEqual(events, ['ready'], 'a stop that was asked for is no death')
})

test('restarts of children that died together are spread', async () => {
  for (const [random, delayMs] of [
    [0, 250],
    [0.5, 375],
  ] as const) {
    using folder = temporaryFolder()
    const { child, events } = childOf(folder.path, 'process.exitCode = 1', random)
    child.start()
    await untilTrue('death', () => events.length === 1)
    assert.deepEqual(events, [`died exit code 1 ${delayMs}`])
    await child.stop()
  }
})
