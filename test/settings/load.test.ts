import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { brokerKeySet, loadBrokerSettings, roleProblem } from '../../settings/broker.ts'
import { delayLevelsMs, hoursOf } from '../../settings/broker-store.ts'
import { ConfigError, formatProblem, type Loaded, loadSettings } from '../../settings/load.ts'
import { loadNameserverSettings, nameserverKeySet } from '../../settings/nameserver.ts'

const surroundings = { hostName: 'box', homeFolder: '/home/me', firstAddress: '10.1.2.3' }
const none = { files: [], environment: {}, commandLine: [], surroundings }

const load = (text: string, environment: Record<string, string> = {}): Loaded<typeof brokerKeySet.keys> =>
  loadSettings(brokerKeySet, { ...none, files: [{ name: 'broker.conf', text }], environment })

const problemsOf = (text: string): string[] => {
  try {
    load(text)
  } catch (error) {
    assert(error instanceof ConfigError)
    return error.problems.map(formatProblem)
  }
  return []
}

test('without any configuration a broker is a master on loopback with defaults from the machine', () => {
  const { settings, sources, warnings } = loadSettings(brokerKeySet, none)
  assert.equal(settings.brokerName, 'box')
  assert.equal(settings.bindAddress, '127.0.0.1')
  assert.equal(settings.brokerIP1, '127.0.0.1')
  assert.equal(settings.brokerIP2, '127.0.0.1')
  assert.equal(settings.listenPort, 10911)
  assert.equal(settings.haListenPort, 10912)
  assert.equal(settings.metricsHost, '127.0.0.1')
  assert.equal(settings.storePathRootDir, '/home/me/store')
  assert.equal(settings.storePathCommitLog, '/home/me/store/commitlog')
  assert.equal(sources.get('brokerName'), 'default')
  assert.deepEqual(warnings, [])
})

const addresses: readonly (readonly [file: string, bind: string, advertised: string])[] = [
  ['', '127.0.0.1', '127.0.0.1'],
  ['brokerIP1=127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['brokerIP1=localhost', '127.0.0.1', 'localhost'],
  ['brokerIP1=192.168.0.7', '0.0.0.0', '192.168.0.7'],
  ['brokerIP1=broker-0.example.org', '0.0.0.0', 'broker-0.example.org'],
  ['bindAddress=0.0.0.0', '0.0.0.0', '10.1.2.3'],
  ['bindAddress=::', '::', '10.1.2.3'],
  ['bindAddress=10.9.9.9', '10.9.9.9', '10.9.9.9'],
  ['bindAddress=127.0.0.1\nbrokerIP1=192.168.0.7', '127.0.0.1', '192.168.0.7'],
]
for (const [file, bind, advertised] of addresses)
  test(`with ${JSON.stringify(file)} the broker listens on ${bind} and advertises ${advertised}`, () => {
    const { settings } = load(file)
    assert.equal(settings.bindAddress, bind)
    assert.equal(settings.brokerIP1, advertised)
    assert.equal(settings.brokerIP2, advertised)
    assert.equal(settings.metricsHost, bind)
  })

test('defaults follow the keys that they depend on', () => {
  const { settings } = load('listenPort=20911\nstorePathRootDir=/data')
  assert.equal(settings.haListenPort, 20912)
  assert.equal(settings.storePathCommitLog, '/data/commitlog')
  assert.equal(load('listenPort=0').settings.haListenPort, 0)
  assert.equal(load('listenPort=65535').settings.haListenPort, 65534)
})

test('the command line overrules the file, the file the environment', () => {
  const environment = { NAMESRV_ADDR: 'env:9876' }
  const commandLine = [{ option: '-n', key: 'namesrvAddr', text: 'option:9876' }]
  const files = [{ name: 'a.conf', text: '\nnamesrvAddr=file:9876' }]
  const from = (input: Partial<typeof none>): (string | undefined)[] => {
    const { settings, sources } = loadSettings(brokerKeySet, { ...none, ...input } as typeof none)
    return [settings.namesrvAddr, sources.get('namesrvAddr')]
  }
  assert.deepEqual(from({}), ['', 'default'])
  assert.deepEqual(from({ environment }), ['env:9876', 'environment NAMESRV_ADDR'])
  assert.deepEqual(from({ environment, files } as never), ['file:9876', 'a.conf:2'])
  assert.deepEqual(from({ environment, files, commandLine } as never), ['option:9876', 'option -n'])
})

test('NAMESRV_ADDR is preferred to NAMESRV_ADDRESS, which many notes use', () => {
  assert.equal(load('', { NAMESRV_ADDRESS: 'b:1' }).settings.namesrvAddr, 'b:1')
  assert.equal(load('', { NAMESRV_ADDRESS: 'b:1', NAMESRV_ADDR: 'a:1' }).settings.namesrvAddr, 'a:1')
  assert.equal(load('', { NAMESRV_ADDRESS: 'b:1', NAMESRV_ADDR: ' ' }).settings.namesrvAddr, 'b:1')
})

test('numbers are trimmed, words are read in any case, empty values are defaults', () => {
  const { settings } = load(
    'fileReservedTime=48 \nautoCreateTopicEnable=FALSE\nflushDiskType=sync_flush\nbrokerName=\n',
  )
  assert.equal(settings.fileReservedTime, 48)
  assert.equal(settings.autoCreateTopicEnable, false)
  assert.equal(settings.flushDiskType, 'SYNC_FLUSH')
  assert.equal(settings.brokerName, 'box')
})

test('the old spelling of the file sizes is understood', () => {
  const { settings, warnings } = load('mapedFileSizeCommitLog=1048576\nmapedFileSizeConsumeQueue=6000\n')
  assert.equal(settings.mappedFileSizeCommitLog, 1048576)
  assert.equal(settings.mappedFileSizeConsumeQueue, 6000)
  assert.deepEqual(warnings, [])
})

const badValues: readonly (readonly [line: string, expected: RegExp])[] = [
  [
    'fileReservedTime=48h',
    /^broker\.conf:2: fileReservedTime: "48h"; allowed: a whole number from 1 to \d+ \(hours\)$/,
  ],
  ['fileReservedTime=0', /"0"; allowed: a whole number from 1/],
  ['listenPort=70000', /"70000"; allowed: a whole number from 0 to 65535/],
  ['listenPort=-1', /allowed/],
  ['listenPort=1e3', /allowed/],
  ['listenPort=0x10', /allowed/],
  ['listenPort=99999999999999999999', /allowed/],
  ['maxMessageSize=4M', /allowed: a whole number from 1 to \d+ \(bytes\)/],
  ['autoCreateTopicEnable=yes', /"yes"; allowed: true or false/],
  ['brokerRole=MASTER', /"MASTER"; allowed: ASYNC_MASTER, SYNC_MASTER, SLAVE/],
  ['flushDiskType=SYNC', /allowed: ASYNC_FLUSH, SYNC_FLUSH/],
  ['deleteWhen=24', /hours of the day/],
  ['deleteWhen=04;x', /hours of the day/],
  ['messageDelayLevel=1s 5x', /s, m, h or d/],
  ['mappedFileSizeConsumeQueue=6001', /a multiple of 20/],
  ['namesrvAddr=localhost', /host:port/],
  ['namesrvAddr=http://localhost:9876', /host:port/],
  ['namesrvAddr=a:9876,b:9876', /host:port/],
  ['brokerName=a/../b', /letters, digits/],
  ['haListenPort=10911', /haListenPort: 10911; allowed: a port of its own/],
  [
    'storePathCommitLog=/other/disk',
    /storePathCommitLog: "\/other\/disk"; allowed: \/home\/me\/store\/commitlog/,
  ],
  ['authenticationEnabled=true', /access control is not built yet.*allowed: false/],
  ['enableDLegerCommitLog=true', /DLedger/],
  ['enableControllerMode=true', /no controller/],
  ['useTLS=true', /in the clear/],
  ['storeType=defaultRocksDB', /default form of the store/],
  ['x=\\u12', /^broker\.conf:2: .*four hexadecimal digits/],
]
for (const [line, expected] of badValues)
  test(`${line} stops the start with file, line, key and what is allowed`, () => {
    const problems = problemsOf(`# first line\n${line}\n`)
    assert.equal(problems.length, 1)
    assert.match(problems[0] ?? '', expected)
    assert.match(problems[0] ?? '', /^broker\.conf:2: /)
  })

test('all problems of a file are named at once', () => {
  assert.equal(problemsOf('listenPort=x\nbrokerId=y\nfileReservedTime=\n').length, 2)
})

test('an unknown key is a warning with the nearest known name', () => {
  const { warnings } = load('fileReserveTime=48\nfoo=1\nsendMessageThreadPoolNum=4\n')
  assert.deepEqual(warnings.map(formatProblem), [
    'broker.conf:1: fileReserveTime: unknown key, it has no effect, did you mean fileReservedTime?',
    'broker.conf:2: foo: unknown key, it has no effect',
    'broker.conf:3: sendMessageThreadPoolNum: unknown key, it has no effect, did you mean sendMessageThreadPoolNums?',
  ])
})

test('a key that stands there twice is a warning, and the last one counts', () => {
  const { settings, warnings } = load('listenPort=1\nlistenPort=2')
  assert.equal(settings.listenPort, 2)
  assert.deepEqual(warnings.map(formatProblem), [
    'broker.conf:2: listenPort: stands in line 1, too; this one counts',
  ])
})

test('keys that tune the Java implementation are accepted in silence', () => {
  const { warnings, ignored } = load(
    'sendMessageThreadPoolNums=128\nwarmMapedFileEnable=true\nrocketmqHome=/opt\n',
  )
  assert.deepEqual(warnings, [])
  assert.equal(ignored.get('sendMessageThreadPoolNums'), '128')
})

test('a key that asks for something this version does not do is a warning, but not at its default', () => {
  assert.deepEqual(load('aclEnable=false\ntransactionTimeOut=6000\n').warnings, [])
  const { warnings } = load('aclEnable=true\ntransactionCheckMax=3\n')
  assert.match(formatProblem(warnings[0] ?? assert.fail()), /^broker\.conf:1: aclEnable: no effect: .*dead/)
  assert.match(formatProblem(warnings[1] ?? assert.fail()), /transactions are not built yet/)
})

test('a master has id 0, whatever the file says', () => {
  const read = (text: string): Loaded<typeof brokerKeySet.keys> =>
    loadBrokerSettings({ ...none, files: [{ name: 'a', text: `${text}\nnamesrvAddr=x:1` }] })
  const master = read('brokerId=1\nbrokerRole=ASYNC_MASTER')
  assert.equal(master.settings.brokerId, 0)
  assert.deepEqual(master.warnings.map(formatProblem), ['a:1: brokerId: 1 is not used: a master has id 0'])
  assert.equal(read('brokerId=1\nbrokerRole=SLAVE').settings.brokerId, 1)
  assert.throws(() => read('brokerId=0\nbrokerRole=SLAVE'), /a:1: brokerId: 0; allowed: above 0/)
})

test('a broker that nobody can find, and a server that everybody can reach, are warned about', () => {
  assert.deepEqual(loadBrokerSettings(none).warnings.map(formatProblem), [
    'default: namesrvAddr: not set (-n, NAMESRV_ADDR, or in the file): clients cannot find this broker',
  ])
  const text = 'bindAddress=0.0.0.0\nnamesrvAddr=x:1'
  for (const loadServer of [loadBrokerSettings, loadNameserverSettings]) {
    const { warnings } = loadServer({ ...none, files: [{ name: 'a', text }] })
    assert.match(
      formatProblem(warnings.at(-1) ?? assert.fail()),
      /^a:1: bindAddress: 0\.0\.0\.0: whoever reaches this address/,
    )
  }
  assert.deepEqual(loadNameserverSettings(none).warnings, [])
})

test('roles that need replication are told why they cannot run and what to do', () => {
  assert.equal(roleProblem(load('').settings), undefined)
  assert.match(roleProblem(load('brokerRole=SYNC_MASTER').settings) ?? '', /set brokerRole=ASYNC_MASTER/)
  assert.match(roleProblem(load('brokerRole=SLAVE').settings) ?? '', /start the master/)
})

test('a full disk is refused at the latest where files would be deleted by force', () => {
  assert.equal(load('').settings.diskSpaceCleanForciblyRatio, 85)
  assert.equal(load('diskSpaceWarningLevelRatio=80').settings.diskSpaceCleanForciblyRatio, 80)
})

test('keys with names of object members are unknown keys like others', () => {
  const { warnings } = load('__proto__=1\nconstructor=2\ntoString=3\n')
  assert.equal(warnings.length, 3)
})

test('a nameserver reads its own keys', () => {
  const { settings, warnings } = loadSettings(nameserverKeySet, {
    ...none,
    files: [
      { name: 'namesrv.conf', text: 'listenPort=9877\norderMessageEnable=true\nserverWorkerThreads=8\n' },
    ],
  })
  assert.equal(settings.listenPort, 9877)
  assert.equal(settings.bindAddress, '127.0.0.1')
  assert.equal(settings.orderMessageEnable, true)
  assert.equal(settings.kvConfigPath, '/home/me/namesrv/kvConfig.json')
  assert.deepEqual(warnings, [])
})

const conf = join(import.meta.dirname, '..', '..', 'conf')
const shipped = readdirSync(conf, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /\.(conf|properties)$/.test(name),
)
test('every sample file is there', () => {
  assert.deepEqual(shipped.sort(), [
    '2m-2s-async/broker-a-s.properties',
    '2m-2s-async/broker-a.properties',
    '2m-2s-async/broker-b-s.properties',
    '2m-2s-async/broker-b.properties',
    '2m-2s-sync/broker-a-s.properties',
    '2m-2s-sync/broker-a.properties',
    '2m-2s-sync/broker-b-s.properties',
    '2m-2s-sync/broker-b.properties',
    '2m-noslave/broker-a.properties',
    '2m-noslave/broker-b.properties',
    '2m-noslave/broker-trace.properties',
    'broker.conf',
    'namesrv.conf',
  ])
})
for (const name of shipped)
  test(`the sample file ${name} is read without a warning`, () => {
    const text = readFileSync(join(conf, name), 'utf8')
    const keySet = name === 'namesrv.conf' ? nameserverKeySet : brokerKeySet
    const { warnings } = loadSettings(keySet as typeof brokerKeySet, { ...none, files: [{ name, text }] })
    assert.deepEqual(warnings, [])
  })

test('delay levels are milliseconds, level 1 first', () => {
  assert.deepEqual(delayLevelsMs('1s 5m 2h 1d'), [1000, 300_000, 7_200_000, 86_400_000])
  assert.equal(delayLevelsMs(''), undefined)
  assert.equal(delayLevelsMs('s'), undefined)
})

test('deleteWhen is a list of hours', () => {
  assert.deepEqual(hoursOf('04'), [4])
  assert.deepEqual(hoursOf('00; 23'), [0, 23])
  assert.equal(hoursOf(';'), undefined)
})
