import { isLoopback } from './addresses.ts'
import { key } from './keys.ts'

/** Who a broker is and where: names, role, addresses, ports, folders. None of it changes while the broker runs. */
export const brokerPlaceKeys = {
  brokerClusterName: key({
    default: 'DefaultCluster',
    isImportant: true,
    change: 'never',
    meaning: 'cluster that this broker belongs to',
    check: checkName,
  }),
  brokerName: key({
    default: '',
    derive: (_chosen, { hostName }) => hostName,
    defaultText: 'host name',
    isImportant: true,
    change: 'never',
    meaning: 'name of the broker group: the same on its master and its slaves',
    check: checkName,
  }),
  brokerId: key({
    default: 0,
    max: 2 ** 31 - 1,
    isImportant: true,
    change: 'never',
    meaning: '0 = master, above = slave; a master role makes it 0',
  }),
  brokerRole: key({
    default: 'ASYNC_MASTER',
    values: ['ASYNC_MASTER', 'SYNC_MASTER', 'SLAVE'],
    isImportant: true,
    change: 'never',
    meaning: 'replication role; this version runs ASYNC_MASTER only',
  }),
  namesrvAddr: key({
    default: '',
    isImportant: true,
    change: 'restart',
    meaning: 'nameservers to register with, host:port, separated by ";"',
    check: checkAddressList,
  }),
  bindAddress: key({
    default: '127.0.0.1',
    derive: ({ brokerIP1 }) =>
      brokerIP1 === undefined || isLoopback(String(brokerIP1)) ? '127.0.0.1' : '0.0.0.0',
    defaultText: '127.0.0.1, or 0.0.0.0 when brokerIP1 is not a loopback address',
    isImportant: true,
    change: 'never',
    meaning: 'address to listen on',
  }),
  brokerIP1: key({
    default: '',
    derive: ({ bindAddress }, { firstAddress }) => advertisedFor(bindAddress, firstAddress),
    defaultText: 'bindAddress, or the first address of the machine when that is 0.0.0.0',
    isImportant: true,
    change: 'never',
    meaning: 'address that clients are told to connect to',
  }),
  brokerIP2: key({
    default: '',
    derive: ({ brokerIP1, bindAddress }, { firstAddress }) =>
      brokerIP1 === undefined ? advertisedFor(bindAddress, firstAddress) : String(brokerIP1),
    defaultText: 'brokerIP1',
    change: 'never',
    meaning: 'address that slaves are told to connect to',
  }),
  listenPort: key({
    default: 10911,
    max: 65535,
    unit: 'port',
    isImportant: true,
    change: 'never',
    meaning: 'main port; 0 = any free one',
  }),
  haListenPort: key({
    default: 10912,
    derive: ({ listenPort }) => portAfter(listenPort),
    defaultText: 'listenPort + 1',
    max: 65535,
    unit: 'port',
    isImportant: true,
    change: 'never',
    meaning: 'port for replication',
  }),
  fastListenEnable: key({
    default: false,
    isImportant: true,
    change: 'never',
    meaning: 'listen on listenPort - 2, too, where clients before 4.5 send by default (RocketMQ: always)',
  }),
  metricsPort: key({
    default: 5557,
    max: 65535,
    unit: 'port',
    isImportant: true,
    change: 'never',
    aliases: ['metricsPromExporterPort'],
    meaning: '/metrics, /healthz and /readyz; 0 = none',
  }),
  metricsHost: key({
    default: '',
    derive: ({ bindAddress, brokerIP1 }) => {
      if (bindAddress !== undefined) return String(bindAddress)
      return brokerIP1 === undefined || isLoopback(String(brokerIP1)) ? '127.0.0.1' : '0.0.0.0'
    },
    defaultText: 'bindAddress',
    change: 'never',
    aliases: ['metricsPromExporterHost'],
    meaning: 'address that the metrics port listens on',
  }),
  storePathRootDir: key({
    default: '',
    derive: (_chosen, { homeFolder }) => `${homeFolder}/store`,
    defaultText: '~/store',
    isImportant: true,
    change: 'never',
    meaning: 'folder of everything that this broker stores',
  }),
  storePathCommitLog: key({
    default: '',
    derive: ({ storePathRootDir }, { homeFolder }) =>
      `${storePathRootDir ?? `${homeFolder}/store`}/commitlog`,
    defaultText: 'storePathRootDir/commitlog',
    isImportant: true,
    change: 'never',
    meaning: 'folder of the commit log',
  }),
}

function portAfter(port: unknown): number {
  if (typeof port !== 'number') return 10912
  if (port === 0) return 0
  return port === 65535 ? 65534 : port + 1
}

function advertisedFor(bindAddress: unknown, firstAddress: string): string {
  if (bindAddress === undefined) return '127.0.0.1'
  return bindAddress === '0.0.0.0' || bindAddress === '::' ? firstAddress : String(bindAddress)
}

function checkName(name: string): string | undefined {
  if (/^[%|a-zA-Z0-9_.-]{1,127}$/.test(name)) return undefined
  return 'letters, digits, "_", "-", "." and at most 127 of them'
}

/** `host:port;host:port`, brackets around IPv6; the last part may be empty, as in many notes. */
export function checkAddressList(list: string): string | undefined {
  for (const part of list.split(';')) {
    const address = part.trim()
    if (address === '') continue
    const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):(\d{1,5})$/.exec(address)
    if (match === null || Number(match[2]) < 1 || Number(match[2]) > 65535)
      return `host:port, several separated by ";" (${JSON.stringify(address)} is none)`
  }
  return undefined
}
