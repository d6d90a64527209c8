import { spawn } from 'node:child_process'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { javaClassPath, javaOptions } from '../interop/clients.ts'
import { ask } from '../support/ask.ts'
import { type Maker, type ServerProcess, startBroker, startNameserver } from '../support/server-processes.ts'

const USAGE = `usage: test/folder/run [--count N] [--keep] [--nameserver ours|java] [CASE ...]
One broker fills a data folder and ends, another opens it; everything is compared.
A case is FROM-HOW-TO, for instance java-stop-ours or ours-kill-java. Default: java and ours both ways, stopped and
killed. With java-stop-java the test judges itself.
  --count   messages besides delayed and retried ones, default 100000  (FOLDER_MESSAGES)`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: process.env.FOLDER_MESSAGES ?? '100000' },
    nameserver: { type: 'string', default: 'ours' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** name → queues, permission */
const TOPICS: Readonly<Record<string, readonly [number, number]>> = {
  folder_one: [1, 6],
  folder_four: [4, 6],
  folder_wide: [16, 6],
  folder_order: [8, 6],
}
const PLAIN_TOPICS = Object.keys(TOPICS)
const RETRY_TOPIC = 'folder_retry'
const DELAY_TOPIC = 'folder_delay'
const RETRY_GROUP = 'folder_retrier'
const GROUPS = ['folder_g1', 'folder_group_2', 'folder_the_third']
/** 64 MiB, so that several files exist. */
const SMALL_FILES = { mappedFileSizeCommitLog: 64 << 20, mappedFileSizeConsumeQueue: 6_000_000 }
const PENDING = 60

type Case = { readonly from: Maker; readonly how: 'stop' | 'kill'; readonly to: Maker }

class Report {
  passed = 0
  failed = 0

  check(what: string, holds: boolean, detail: string): void {
    if (holds) this.passed++
    else this.failed++
    console.log(`${holds ? '  ok    ' : '  FAILED'} ${what}${detail ? `: ${detail}` : ''}`)
  }
}

function parseCase(text: string): Case {
  const [from, how, to] = text.split('-')
  const isMaker = (word: string | undefined): word is Maker => word === 'java' || word === 'ours'
  if (!isMaker(from) || !isMaker(to) || (how !== 'stop' && how !== 'kill'))
    throw new Error(`${text}?\n${USAGE}`)
  return { from, how, to }
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const names =
    positionals.length > 0
      ? positionals
      : ['java-stop-ours', 'java-kill-ours', 'ours-stop-java', 'ours-kill-java']
  const report = new Report()
  for (const name of names) {
    const folder = mkdtempSync(join(tmpdir(), `rocketcluster-folder-${name}-`))
    const failedBefore = report.failed
    const born = Date.now()
    console.log(`${name}, ${values.count} messages, ${folder}`)
    try {
      await new Trial(parseCase(name), folder, report).play()
    } catch (error) {
      report.check(name, false, error instanceof Error ? error.message : String(error))
    }
    console.log(`  ${((Date.now() - born) / 1000).toFixed(0)} s\n`)
    if (report.failed === failedBefore && !values.keep) rmSync(folder, { recursive: true, force: true })
    else console.log(`  kept ${folder}`)
  }
  console.log(`${report.passed} passed, ${report.failed} failed`)
  return report.failed === 0 ? 0 : 1
}

class Trial {
  readonly #case: Case
  readonly #folder: string
  readonly #report: Report
  readonly #servers: ServerProcess[] = []
  #namesrvAddr = ''
  #port = 0

  constructor(each: Case, folder: string, report: Report) {
    this.#case = each
    this.#folder = folder
    this.#report = report
  }

  async play(): Promise<void> {
    try {
      const nameserver = await startNameserver({ maker: values.nameserver as Maker, folder: this.#folder })
      this.#servers.push(nameserver)
      this.#namesrvAddr = nameserver.address
      await this.#play()
    } finally {
      for (const server of this.#servers.reverse()) await server.kill()
    }
  }

  async #play(): Promise<void> {
    const { from, how, to } = this.#case
    const writer = await this.#open(from)
    const before = await this.#fill(writer)
    const ended = Date.now()
    await (how === 'stop' ? writer.stop() : writer.kill())
    console.log(`  ${from} broker: ${how} took ${((Date.now() - ended) / 1000).toFixed(1)} s`)
    this.#check(
      'the writer left the abort file only when killed',
      existsSync(this.#store('abort')) === (how === 'kill'),
    )
    const opened = Date.now()
    const reader = await this.#open(to)
    console.log(`  ${to} broker: open after ${((Date.now() - opened) / 1000).toFixed(1)} s`)
    await this.#compare(before, reader)
    await this.#comeBack(before, reader)
  }

  #store(name: string): string {
    return join(this.#folder, 'store', name)
  }

  #check(what: string, holds: boolean, detail = ''): void {
    this.#report.check(what, holds, detail)
  }

  #same(what: string, expected: unknown, actual: unknown): void {
    const wanted = JSON.stringify(expected)
    const is = JSON.stringify(actual)
    this.#check(what, wanted === is, wanted === is ? is.slice(0, 120) : `expected ${wanted}, was ${is}`)
  }

  async #open(maker: Maker): Promise<ServerProcess> {
    const port = this.#port === 0 ? {} : { port: this.#port }
    const properties = { ...SMALL_FILES, flushDiskType: 'ASYNC_FLUSH' }
    const broker = await startBroker({
      maker,
      folder: this.#folder,
      namesrvAddr: this.#namesrvAddr,
      properties,
      ...port,
    })
    this.#port = Number(broker.address.split(':')[1])
    this.#servers.push(broker)
    return broker
  }

  async #fill(broker: ServerProcess): Promise<Snapshot> {
    for (const [topic, [queues, perm]] of Object.entries({
      ...TOPICS,
      [RETRY_TOPIC]: [2, 6] as const,
      [DELAY_TOPIC]: [3, 6] as const,
    }))
      await this.#expect(broker, 17, {
        topic,
        defaultTopic: 'TBW102',
        readQueueNums: String(queues),
        writeQueueNums: String(queues),
        perm: String(perm),
        topicFilterType: 'SINGLE_TAG',
        topicSysFlag: '0',
        order: String(topic === 'folder_order'),
      })
    await this.#expect(
      broker,
      200,
      {},
      { groupName: GROUPS[1], retryQueueNums: 2, retryMaxTimes: 5, consumeBroadcastEnable: false },
    )
    await this.#routed(broker)
    this.#same(
      'written',
      { sent: Number(values.count), failed: 0 },
      await this.#java('write', values.count, PLAIN_TOPICS.join(',')),
    )
    for (const group of GROUPS)
      await this.#java('commit', join(this.#folder, `offsets-${group}`), group, PLAIN_TOPICS.join(','))
    const pending = await this.#java(
      'pend',
      RETRY_GROUP,
      RETRY_TOPIC,
      DELAY_TOPIC,
      this.#case.how === 'kill' ? '4' : '5',
    )
    this.#same('left pending', { failed: PENDING, inRetryTopic: PENDING / 3, delayed: PENDING }, pending)
    const segments = readdirSync(this.#store('commitlog')).length
    this.#check(
      'several files of the commit log',
      segments > 1 || Number(values.count) < 30_000,
      `${segments}`,
    )
    const file = join(this.#folder, 'before.tsv')
    const topics = [...PLAIN_TOPICS, RETRY_TOPIC, `%RETRY%${RETRY_GROUP}`, 'SCHEDULE_TOPIC_XXXX'].join(',')
    const dumped = await this.#java('dump', file, '-', topics)
    const offsets = GROUPS.flatMap((group) =>
      readFileSync(join(this.#folder, `offsets-${group}`), 'utf8')
        .trim()
        .split('\n'),
    )
    // RocketMQ writes offsets every 5 s, and a killed broker promises no more than that.
    if (this.#case.how === 'kill') await new Promise((resolve) => setTimeout(resolve, 7000))
    return { file, topics, dumped, offsets, configs: await this.#configs(broker) }
  }

  async #compare(before: Snapshot, broker: ServerProcess): Promise<void> {
    await this.#routed(broker)
    const after = join(this.#folder, 'after.tsv')
    const dumped = await this.#java('dump', after, before.file, before.topics)
    this.#same('messages and queues', before.dumped, dumped)
    const differences = await compareLines(before.file, after)
    this.#check(
      'every byte, offset, time, property and search',
      differences.length === 0,
      differences.slice(0, 5).join('\n          '),
    )
    const configs = await this.#configs(broker)
    this.#same('topics', before.configs.topics, configs.topics)
    this.#same('groups', before.configs.groups, configs.groups)
    this.#check(`offsets of ${GROUPS.length} groups`, ...(await this.#offsets(broker, before.offsets)))
    const found = await this.#java('find', before.file, '300')
    this.#same(
      'found by key, unique id, offset id',
      { samples: 300, byKey: 300, byUniqueId: 300, byOffsetId: 300, missing: '' },
      found,
    )
    const delivered = await this.#java(
      'deliver',
      RETRY_GROUP,
      RETRY_TOPIC,
      String(PENDING),
      DELAY_TOPIC,
      String(PENDING),
      '110',
    )
    this.#same(
      'delivered what was pending',
      { retries: PENDING, delayed: PENDING, again: 0, wrong: 0, early: 0 },
      delivered,
    )
  }

  /** The second broker writes on and ends; the first one reads both. */
  async #comeBack(before: Snapshot, reader: ServerProcess): Promise<void> {
    const more = String(Math.max(400, Math.floor(Number(values.count) / 50)))
    this.#same(
      'written behind it',
      { sent: Number(more), failed: 0 },
      await this.#java('write', more, PLAIN_TOPICS.join(',')),
    )
    const file = join(this.#folder, 'more.tsv')
    const dumped = await this.#java('dump', file, '-', PLAIN_TOPICS.join(','))
    await reader.stop()
    const again = await this.#open(this.#case.from)
    await this.#routed(again)
    const after = join(this.#folder, 'back.tsv')
    this.#same(
      'all messages back at the first broker',
      dumped,
      await this.#java('dump', after, file, PLAIN_TOPICS.join(',')),
    )
    const differences = await compareLines(file, after)
    this.#check('every byte of both', differences.length === 0, differences.slice(0, 5).join('\n          '))
    this.#check(`offsets of ${GROUPS.length} groups`, ...(await this.#offsets(again, before.offsets)))
    await again.kill()
  }

  async #offsets(broker: ServerProcess, expected: readonly string[]): Promise<[boolean, string]> {
    const wrong: string[] = []
    for (const line of expected) {
      const [consumerGroup = '', topic = '', queueId = '', offset] = line.split(' ')
      const answer = await ask(broker.address, 14, { consumerGroup, topic, queueId })
      const is =
        (answer.header.extFields as Record<string, string> | undefined)?.offset ?? `code ${answer.code}`
      if (is !== offset) wrong.push(`${line}, was ${is}`)
    }
    return [
      wrong.length === 0,
      wrong.length === 0 ? `${expected.length} queues` : wrong.slice(0, 3).join('; '),
    ]
  }

  /** What a user configured: topics and groups of this test, without the fields that a broker may add. */
  async #configs(broker: ServerProcess): Promise<Snapshot['configs']> {
    type Tables = {
      topicConfigTable?: Record<string, Config>
      subscriptionGroupTable?: Record<string, Config>
    }
    type Config = Record<string, unknown>
    const pick = (table: Record<string, Config> | undefined, fields: readonly string[]): string[] =>
      Object.entries(table ?? {})
        .filter(
          ([name]) => name.includes('folder_') && !name.includes('folder_dump') && !name.includes('_look'),
        )
        .map(([name, config]) => `${name} ${fields.map((field) => JSON.stringify(config[field])).join(' ')}`)
        .sort()
    const topics = JSON.parse((await ask(broker.address, 21, {})).body.toString()) as Tables
    const groups = JSON.parse((await ask(broker.address, 201, {})).body.toString()) as Tables
    return {
      topics: pick(topics.topicConfigTable, [
        'readQueueNums',
        'writeQueueNums',
        'perm',
        'order',
        'topicSysFlag',
        'topicFilterType',
      ]),
      groups: pick(groups.subscriptionGroupTable, [
        'retryQueueNums',
        'retryMaxTimes',
        'consumeEnable',
        'consumeBroadcastEnable',
        'brokerId',
      ]),
    }
  }

  async #expect(
    broker: ServerProcess,
    code: number,
    fields: Record<string, string>,
    body?: object,
  ): Promise<void> {
    const answer = await ask(
      broker.address,
      code,
      fields,
      body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
    )
    if (answer.code !== 0)
      throw new Error(
        `request ${code} ${JSON.stringify(fields)} was answered ${answer.code} ${answer.header.remark}`,
      )
  }

  async #routed(broker: ServerProcess): Promise<void> {
    const giveUp = Date.now() + 15_000
    for (const topic of [...PLAIN_TOPICS, RETRY_TOPIC, DELAY_TOPIC])
      while (!(await ask(this.#namesrvAddr, 105, { topic })).body.includes(broker.address)) {
        if (Date.now() > giveUp) throw new Error(`no route of ${topic}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
  }

  #java(...args: readonly string[]): Promise<Record<string, unknown>> {
    const home = join(this.#folder, 'client')
    mkdirSync(home, { recursive: true })
    const classPath = javaClassPath('5.5.0', 'folder', [join(import.meta.dirname, 'java')])
    const options = ['-Xmx1g', ...javaOptions(home), '-cp', classPath, 'folder.Folder']
    const child = spawn('java', [...options, ...args], {
      env: { ...process.env, NAMESRV_ADDR: this.#namesrvAddr },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString()
    })
    child.stderr.on('data', (data: Buffer) => {
      output += data.toString()
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), 300_000)
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', () => {
        clearTimeout(timer)
        const last = output.trim().split('\n').at(-1) ?? ''
        if (last.startsWith('{')) resolve(JSON.parse(last) as Record<string, unknown>)
        else reject(new Error(`${args.join(' ')}: ${output.slice(-1500)}`))
      })
    })
  }
}

type Snapshot = {
  readonly file: string
  readonly topics: string
  readonly dumped: Record<string, unknown>
  /** "group topic queue offset" */
  readonly offsets: readonly string[]
  readonly configs: { readonly topics: readonly string[]; readonly groups: readonly string[] }
}

async function* linesOf(file: string): AsyncGenerator<string> {
  yield* createInterface({ input: createReadStream(file) })
}

/** Both dumps list queues in any order, so lines are matched without one; a line may stand there several times. */
async function compareLines(expected: string, actual: string): Promise<readonly string[]> {
  const open = new Map<string, number>()
  for await (const line of linesOf(expected)) open.set(line, (open.get(line) ?? 0) + 1)
  for await (const line of linesOf(actual)) open.set(line, (open.get(line) ?? 0) - 1)
  return [...open]
    .filter(([, count]) => count !== 0)
    .map(([line, count]) => `${count > 0 ? '-' : '+'} ${line.slice(0, 400)}`)
    .sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1))
}

process.exitCode = await main()
