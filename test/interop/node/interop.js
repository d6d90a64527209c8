// Scenarios on the stock npm client ali-ons, against the name server in NAMESRV_ADDR. Prints one JSON line for each.
// Arguments: names of scenarios, or none for all. Plain CommonJS: it runs on the Node that the client is used with.

const { connect } = require('node:net')
const { Consumer, Producer, Message } = require('ali-ons')

const stamp = Date.now().toString(36)
const count = Number(process.env.COUNT ?? 500)
const silent = { debug() {}, info() {}, warn() {}, error() {} }
let instances = 0

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function awaits(seconds, holds) {
  const until = Date.now() + seconds * 1000
  while (Date.now() < until) {
    if (await holds()) return true
    await sleep(10)
  }
  return holds()
}

/** One request with a JSON header over a connection of its own: this client cannot make a topic. */
function ask(address, code, extFields) {
  const header = Buffer.from(
    JSON.stringify({ code, language: 'JAVA', version: 479, opaque: 1, flag: 0, extFields }),
  )
  const frame = Buffer.concat([Buffer.alloc(8), header])
  frame.writeInt32BE(4 + header.length, 0)
  frame.writeInt32BE(header.length, 4)
  const [host, port] = address.split(':')
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) }, () => socket.write(frame))
    let bytes = Buffer.alloc(0)
    socket.on('error', reject)
    socket.setTimeout(5000, () => socket.destroy(new Error(`no answer to ${code}`)))
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data])
      if (bytes.length < 8 || bytes.length < 4 + bytes.readInt32BE(0)) return
      const answer = JSON.parse(bytes.toString('utf8', 8, 8 + (bytes.readInt32BE(4) & 0xffffff)))
      socket.destroy()
      resolve(answer.code)
    })
  })
}

async function makeTopic(topic) {
  const code = await ask(process.env.BROKER_ADDR, 17, {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: '4',
    writeQueueNums: '4',
    perm: '6',
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: '0',
    order: 'false',
  })
  if (code !== 0) throw new Error(`making topic ${topic} was answered ${code}`)
  const isRouted = await awaits(10, async () => (await ask(process.env.NAMESRV_ADDR, 105, { topic })) === 0)
  if (!isRouted) throw new Error(`no route of ${topic} 10 s after it was made`)
}

/** What was sent and what came back. A body is "id#number#" and then bytes that follow from the number. */
class Ledger {
  constructor(id) {
    this.id = id
    this.bodies = new Map()
    this.seen = new Map()
    this.last = new Map()
    this.duplicates = 0
    this.disorder = 0
    this.damaged = 0
  }

  body(size) {
    const number = this.bodies.size
    const head = Buffer.from(`${this.id}#${number}#`)
    const body = Buffer.alloc(Math.max(size, head.length))
    head.copy(body)
    let state = (number * 2654435761 + 1) >>> 0
    for (let i = head.length; i < body.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      body[i] = ((i >> 6) & 3) === 0 ? state >>> 24 : 97 + (i % 26)
    }
    this.bodies.set(number, body)
    return body
  }

  receive(body) {
    const parts = body.toString('latin1', 0, 96).split('#')
    if (parts[0] !== this.id) return -1
    const number = Number(parts[1])
    if (!this.bodies.get(number)?.equals(body)) this.damaged++
    this.seen.set(number, (this.seen.get(number) ?? 0) + 1)
    if (this.seen.get(number) > 1) this.duplicates++
    return number
  }

  /** Values of one key must grow. */
  inOrder(key, value) {
    if (value <= (this.last.get(key) ?? -1)) this.disorder++
    this.last.set(key, value)
  }

  get sent() {
    return this.bodies.size
  }

  get received() {
    return this.seen.size
  }

  get isComplete() {
    return this.seen.size >= this.bodies.size
  }
}

class Run {
  constructor(name) {
    this.name = name
    this.born = Date.now()
    this.ledger = new Ledger(`${stamp}-${name}`)
    this.wrong = []
    this.notes = []
    this.closers = []
    this.topic = `it_node_${name}_${stamp}`
  }

  group(suffix = '') {
    return `ig_node_${this.name}${suffix}_${stamp}`
  }

  check(holds, otherwise) {
    if (!holds && this.wrong.length < 8) this.wrong.push(otherwise)
  }

  same(expected, actual, what) {
    this.check(String(expected) === String(actual), `${what}: expected ${expected}, was ${actual}`)
  }

  options() {
    return {
      nameSrv: process.env.NAMESRV_ADDR,
      // Asked for even where a name server is given, and then never called.
      httpclient: { request: async () => ({ status: 404 }) },
      logger: silent,
      instanceName: `i${stamp}-${++instances}`,
    }
  }

  async producer() {
    const producer = new Producer({
      ...this.options(),
      producerGroup: this.group('_p'),
      maxMessageSize: 4 << 20,
      sendMsgTimeout: 10_000,
    })
    producer.on('error', (error) => this.check(false, `producer: ${error}`))
    this.closers.push(() => producer.close())
    await producer.ready()
    return producer
  }

  async send(producer, body, { tag = 'any', keys, properties = {} } = {}) {
    const message = new Message(this.topic, tag, body)
    if (keys) message.keys = keys
    Object.assign(message.properties, properties)
    const result = await producer.send(message)
    this.same('SEND_OK', result.sendStatus, 'status of a send')
    return result
  }

  async consumer(group, topic, tags, take, options = {}) {
    const consumer = new Consumer({
      ...this.options(),
      consumerGroup: group,
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      ...options,
    })
    // An empty retry queue of a new group has no offset yet (code 22); this client reports that and asks again later.
    consumer.on('error', (error) => this.check(/Not found, V3_0_6/.test(error), `consumer: ${error}`))
    consumer.subscribe(topic, tags, take)
    let isClosed = false
    const close = async () => {
      if (!isClosed) await consumer.close()
      isClosed = true
    }
    this.closers.push(close)
    await consumer.ready()
    return { close }
  }

  async awaitAll(seconds) {
    await awaits(seconds, () => this.ledger.isComplete)
    await sleep(400)
  }

  exact() {
    this.check(this.ledger.isComplete, `received ${this.ledger.received} of ${this.ledger.sent}`)
    this.same(0, this.ledger.duplicates, 'duplicates')
    this.same(0, this.ledger.damaged, 'damaged bodies')
    this.same(0, this.ledger.disorder, 'order violations')
  }

  async readBack() {
    await this.consumer(this.group(), this.topic, '*', async (message) => {
      this.ledger.receive(message.body)
      // One queue at a time and one message after the other: this client keeps the order of a queue.
      this.ledger.inOrder(message.queueId, Number(message.queueOffset))
    })
    await this.awaitAll(40)
    this.exact()
  }
}

const scenarios = {
  async retry(run) {
    const producer = await run.producer()
    for (let i = 0; i < 10; i++) await run.send(producer, run.ledger.body(200), { tag: 't' })
    // The group's retry topic has to be there when the consumer starts: it looks for new routes only every 30 s.
    const once = await run.consumer(run.group(), 'TBW102', 'none', async () => {})
    await sleep(1000)
    await once.close()
    const first = new Map()
    let least = Number.POSITIVE_INFINITY
    let most = 0
    await run.consumer(run.group(), run.topic, 't', async (message) => {
      const number = message.body.toString('latin1', 0, 96).split('#')[1]
      run.same(run.topic, message.topic, 'topic shown')
      if (!first.has(number)) {
        first.set(number, Date.now())
        run.same(0, message.reconsumeTimes, 'reconsume times')
        return Consumer.ACTION_RETRY
      }
      run.same(1, message.reconsumeTimes, 'reconsume times')
      const gap = Date.now() - first.get(number)
      least = Math.min(least, gap)
      most = Math.max(most, gap)
      run.ledger.receive(message.body)
    })
    await run.awaitAll(50)
    run.exact()
    run.notes.push(`retried after ${least} to ${most} ms`)
    run.check(least > 9800 && most < 15_000, `retried after ${least} to ${most} ms, expected 10 s`)
  },

  async send(run) {
    const producer = await run.producer()
    for (let i = 0; i < count; i++) await run.send(producer, run.ledger.body(1 + (i % 3000)))
    await run.readBack()
  },

  async concurrent(run) {
    const producer = await run.producer()
    await run.send(producer, run.ledger.body(10))
    for (let i = 0; i < count; i += 50)
      await Promise.all(Array.from({ length: 50 }, () => run.send(producer, run.ledger.body(300))))
    await run.readBack()
  },

  async properties(run) {
    const producer = await run.producer()
    const results = new Map()
    for (let i = 0; i < 50; i++)
      results.set(
        i,
        await run.send(producer, run.ledger.body(64), {
          tag: `tag${i % 7}`,
          keys: [`key-${i}`, `other-${i}`],
          properties: { unicode: `消息 🚀 ${i}` },
        }),
      )
    await run.consumer(run.group(), run.topic, '*', async (message) => {
      const i = run.ledger.receive(message.body)
      run.same(`tag${i % 7}`, message.tags, 'tags')
      run.same(`key-${i} other-${i}`, message.keys, 'keys')
      run.same(`消息 🚀 ${i}`, message.properties.unicode, 'unicode property')
      run.same(results.get(i).queueOffset, message.queueOffset, 'queue offset')
      run.same(results.get(i).messageQueue.queueId, message.queueId, 'queue id')
    })
    await run.awaitAll(40)
    run.exact()
  },

  async 'big-body'(run) {
    const producer = await run.producer()
    for (const size of [4000, 5000, 100_000, 1_000_000, 3_900_000])
      await run.send(producer, run.ledger.body(size))
    await run.readBack()
  },

  async 'tag-filter'(run) {
    const producer = await run.producer()
    const other = new Ledger('other')
    for (let i = 0; i < count; i++) {
      const tag = ['red', 'green', 'AaAa', 'BBBB'][i % 4]
      const isWanted = i % 4 === 0 || i % 4 === 2
      await run.send(producer, isWanted ? run.ledger.body(100) : other.body(100), { tag })
    }
    await run.consumer(run.group(), run.topic, 'red || AaAa', async (message) => {
      run.ledger.receive(message.body)
      run.check(['red', 'AaAa'].includes(message.tags), `tag ${message.tags}`)
    })
    await run.awaitAll(40)
    run.exact()
  },

  async broadcasting(run) {
    const producer = await run.producer()
    await run.send(producer, Buffer.from('first'))
    const second = new Ledger(run.ledger.id)
    second.bodies = run.ledger.bodies
    const ledgers = [run.ledger, second]
    for (const ledger of ledgers)
      await run.consumer(
        run.group(),
        run.topic,
        '*',
        async (message) => {
          ledger.receive(message.body)
        },
        { isBroadcast: true },
      )
    for (let i = 0; i < count; i++) await run.send(producer, run.ledger.body(120))
    await awaits(40, () => second.isComplete)
    await run.awaitAll(40)
    run.exact()
    run.same(count, second.received, 'received by the second consumer')
    run.same(0, second.duplicates, 'duplicates at the second consumer')
  },

  /** A group goes on where its last member stopped. */
  async resume(run) {
    const producer = await run.producer()
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 100; i++) await run.send(producer, run.ledger.body(100))
      const consumer = await run.consumer(run.group(), run.topic, '*', async (message) => {
        run.ledger.receive(message.body)
      })
      await run.awaitAll(40)
      await consumer.close()
      await sleep(500)
    }
    run.exact()
  },
}

async function play(name) {
  const run = new Run(name)
  try {
    await makeTopic(run.topic)
    await scenarios[name](run)
  } catch (error) {
    run.check(false, error.stack?.split('\n').slice(0, 2).join(' ') ?? String(error))
  }
  for (const close of run.closers.reverse()) {
    try {
      await Promise.race([close(), sleep(3000)])
    } catch (error) {
      run.notes.push(`closing: ${error}`)
    }
  }
  const { ledger } = run
  console.log(
    JSON.stringify({
      scenario: name,
      sent: ledger.sent,
      received: ledger.received,
      duplicates: ledger.duplicates,
      order: ledger.disorder,
      seconds: (Date.now() - run.born) / 1000,
      ok: run.wrong.length === 0,
      wrong: run.wrong.join('; '),
      notes: run.notes.join('; '),
    }),
  )
  return run.wrong.length === 0
}

async function main() {
  const wanted = process.argv.slice(2)
  const names = Object.keys(scenarios).filter((name) => wanted.length === 0 || wanted.includes(name))
  const verdicts = await Promise.all(names.map(play))
  process.exit(verdicts.length > 0 && verdicts.every(Boolean) ? 0 : 1)
}

main()
