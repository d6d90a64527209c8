import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { systemTimer } from '../../base/timer.ts'
import {
  type Caller,
  Registration,
  type RegistrationOptions,
  splitAddresses,
} from '../../broker/registration.ts'
import type { DataVersion } from '../../remoting/bodies/data-version.ts'
import { registerBrokerBody } from '../../remoting/bodies/register-broker.ts'
import type { TopicConfig } from '../../remoting/bodies/topic-config.ts'
import { ManualClock } from '../support/broker-fakes.ts'
import { startFakeNameserver, startTestBroker, until } from '../support/broker-fixture.ts'

interface Call {
  readonly address: string
  readonly name: string
  readonly body: Buffer | undefined
  readonly answer: () => void
  readonly fail: () => void
}

/** Calls that a test answers by hand. */
class FakeCaller implements Caller {
  readonly calls: Call[] = []

  call: Caller['call'] = (address, kind, _header, options) =>
    new Promise((resolve, reject) => {
      this.calls.push({
        address,
        name: kind.name,
        body: options.body === undefined ? undefined : Buffer.from(options.body),
        answer: () => resolve(undefined),
        fail: () => reject(new Error('refused')),
      })
    })

  last(address: string): Call {
    const call = this.calls.findLast((made) => made.address === address)
    assert(call, `a call to ${address}`)
    return call
  }

  count(address: string): number {
    return this.calls.filter((made) => made.address === address).length
  }
}

const topicOf = (topicName: string): TopicConfig => ({
  topicName,
  readQueueNums: 1,
  writeQueueNums: 1,
  perm: 6,
  topicFilterType: 'SINGLE_TAG',
  topicSysFlag: 0,
  order: false,
  attributes: {},
})

function setUp(overrides: Partial<RegistrationOptions> = {}) {
  const caller = new FakeCaller()
  const clock = new ManualClock()
  const topics = {
    list: [topicOf('a'), topicOf('b')],
    dataVersion: { counter: 1, stateVersion: 0, timestamp: 0 } as DataVersion,
    configs: () => topics.list,
    add(name: string) {
      topics.list.push(topicOf(name))
      topics.dataVersion = { ...topics.dataVersion, counter: topics.dataVersion.counter + 1 }
    },
  }
  const permission = { now: 6 }
  const registration = new Registration({
    nameservers: '10.0.0.1:9876;10.0.0.2:9876',
    identity: {
      brokerName: 'b',
      clusterName: 'c',
      brokerId: 0,
      brokerAddr: '10.0.0.9:10911',
      haServerAddr: '10.0.0.9:10912',
    },
    periodMs: 30_000,
    timeoutMs: 1000,
    topics,
    permission: () => permission.now,
    caller,
    resolve: async (host) => [host],
    log: silentLog,
    monotonicMs: () => clock.monotonicMs(),
    timer: systemTimer,
    ...overrides,
  })
  return { caller, clock, topics, registration, permission }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const topicNames = (call: Call): string[] => {
  assert(call.body)
  return Object.keys(registerBrokerBody.decode(call.body).topicConfigSerializeWrapper.topicConfigTable).sort()
}

test('all nameservers are told, each at its own pace, every period', async () => {
  const { caller, clock, registration } = setUp()
  const done = registration.register()
  await turn()
  assert.deepEqual(topicNames(caller.last('10.0.0.1:9876')), ['a', 'b'])
  caller.last('10.0.0.1:9876').answer()
  caller.last('10.0.0.2:9876').answer()
  await done
  assert.equal(registration.registeredCount, 2)
  clock.advance(29_000)
  registration.tick(clock.monotonicMs())
  await turn()
  assert.equal(caller.calls.length, 2)
  clock.advance(1000)
  registration.tick(clock.monotonicMs())
  await turn()
  assert.equal(caller.calls.length, 4)
})

test('changes during a registration are told by the next one, however many there were', async () => {
  const { caller, topics, registration } = setUp({ nameservers: '10.0.0.1:9876' })
  const done = registration.register()
  await turn()
  for (const name of ['c', 'd', 'e']) {
    topics.add(name)
    registration.changed()
  }
  assert.equal(caller.calls.length, 1)
  caller.last('10.0.0.1:9876').answer()
  await turn()
  assert.equal(caller.calls.length, 2)
  assert.deepEqual(topicNames(caller.last('10.0.0.1:9876')), ['a', 'b', 'c', 'd', 'e'])
  caller.last('10.0.0.1:9876').answer()
  await done
  await turn()
  assert.equal(caller.calls.length, 2)
})

test('a permission taken from the broker is told at once, as a new version of its topics', async () => {
  const { caller, clock, permission, registration } = setUp({ nameservers: '10.0.0.1:9876' })
  void registration.register()
  await turn()
  const shown = () => {
    const { body } = caller.last('10.0.0.1:9876')
    assert(body)
    const { topicConfigTable, dataVersion } = registerBrokerBody.decode(body).topicConfigSerializeWrapper
    return { perm: topicConfigTable.a?.perm, version: dataVersion.timestamp }
  }
  const before = shown()
  assert.equal(before.perm, 6)
  caller.last('10.0.0.1:9876').answer()
  await turn()
  permission.now = 4
  registration.tick(clock.monotonicMs())
  await turn()
  assert.equal(shown().perm, 4)
  assert.notEqual(shown().version, before.version)
  caller.last('10.0.0.1:9876').answer()
  await turn()
  permission.now = 6
  registration.tick(clock.monotonicMs())
  await turn()
  assert.deepEqual(shown(), before)
})

test('a nameserver that failed is tried again after 1, 2, 4 … seconds, the others are not disturbed', async () => {
  const { caller, clock, registration } = setUp()
  void registration.register()
  await turn()
  caller.last('10.0.0.1:9876').answer()
  caller.last('10.0.0.2:9876').fail()
  await turn()
  const secondsTo = async (): Promise<number> => {
    const before = caller.count('10.0.0.2:9876')
    for (let seconds = 1; seconds <= 60; seconds++) {
      clock.advance(1000)
      registration.tick(clock.monotonicMs())
      await turn()
      if (caller.count('10.0.0.2:9876') > before) return seconds
    }
    return Number.NaN
  }
  assert.equal(await secondsTo(), 1)
  caller.last('10.0.0.2:9876').fail()
  await turn()
  assert.equal(await secondsTo(), 2)
  caller.last('10.0.0.2:9876').fail()
  await turn()
  assert.equal(await secondsTo(), 4)
  assert.equal(caller.count('10.0.0.1:9876'), 1)
})

test('who changed a topic waits for the nameservers, but not for long', async () => {
  const waits: { readonly ms: number; readonly run: () => void }[] = []
  const timer = {
    every: () => () => undefined,
    after: (ms: number, run: () => void) => {
      waits.push({ ms, run })
      return () => undefined
    },
  }
  const { registration } = setUp({ timer })
  let isDone = false
  void registration.register().then(() => {
    isDone = true
  })
  await turn()
  assert.equal(isDone, false)
  assert.deepEqual(
    waits.map(({ ms }) => ms),
    [2000],
  )
  waits[0]?.run()
  await turn()
  assert.equal(isDone, true)
})

test('a lost connection is followed by a new registration soon', async () => {
  const { caller, clock, registration } = setUp({ nameservers: '10.0.0.1:9876' })
  void registration.register()
  await turn()
  caller.last('10.0.0.1:9876').answer()
  await turn()
  registration.disconnected('10.0.0.1:9876')
  clock.advance(1000)
  registration.tick(clock.monotonicMs())
  await turn()
  assert.equal(caller.calls.length, 2)
})

test('names are looked up again each period; one family of addresses counts', async () => {
  let addresses = ['10.0.0.1', '::1']
  const { caller, clock, registration } = setUp({
    nameservers: 'ns:9876',
    resolve: async () => addresses,
  })
  void registration.register()
  await turn()
  await turn()
  assert.deepEqual(
    caller.calls.map((call) => call.address),
    ['10.0.0.1:9876'],
  )
  caller.last('10.0.0.1:9876').answer()
  await turn()
  addresses = ['10.0.0.2']
  clock.advance(30_000)
  registration.tick(clock.monotonicMs())
  await turn()
  registration.tick(clock.monotonicMs())
  await turn()
  assert.equal(caller.count('10.0.0.2:9876'), 1)
})

test('a name that is unknown at first is asked for again soon', async () => {
  let isUp = false
  const { caller, clock, registration } = setUp({
    nameservers: 'ns:9876',
    resolve: async () => {
      if (!isUp) throw new Error('ENOTFOUND')
      return ['10.0.0.1']
    },
  })
  await registration.register()
  assert.equal(caller.calls.length, 0)
  isUp = true
  clock.advance(1000)
  registration.tick(clock.monotonicMs())
  await turn()
  registration.tick(clock.monotonicMs())
  await turn()
  assert.equal(caller.calls.length, 1)
})

test('stopping unregisters where the broker is known, and nothing is registered any more', async () => {
  const { caller, registration } = setUp()
  void registration.register()
  await turn()
  caller.last('10.0.0.1:9876').answer()
  caller.last('10.0.0.2:9876').fail()
  await turn()
  const stopped = registration.stop()
  await turn()
  assert.equal(caller.last('10.0.0.1:9876').name, 'UNREGISTER_BROKER')
  assert.equal(caller.last('10.0.0.2:9876').name, 'REGISTER_BROKER')
  caller.last('10.0.0.1:9876').answer()
  await stopped
  const before = caller.calls.length
  await registration.register()
  registration.changed()
  assert.equal(caller.calls.length, before)
})

test('address lists take ports, brackets, blanks and empty parts', () => {
  assert.deepEqual(splitAddresses(' a:1 ; b;;[::1]:2;[fe80::1];'), [
    { host: 'a', port: 1 },
    { host: 'b', port: 9876 },
    { host: '::1', port: 2 },
    { host: 'fe80::1', port: 9876 },
  ])
})

test('a real registration carries the body CRC, at least two topics and the advertised address', async (t) => {
  const nameserver = await startFakeNameserver(t)
  const broker = await startTestBroker(t, { text: `namesrvAddr=${nameserver.address}` })
  await until('a registration', () => nameserver.registered.length > 0)
  const [first] = nameserver.registered
  assert.equal(first?.brokerAddr, broker.address)
  assert(Object.keys(first?.data.topicConfigSerializeWrapper.topicConfigTable ?? {}).length > 2)
  assert.notEqual(first?.crc, 0)
  await broker.stop()
  assert.deepEqual(nameserver.unregistered, [broker.address])
})
