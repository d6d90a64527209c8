import { isLoopback } from './addresses.ts'
import { ignoredKeys, key } from './keys.ts'
import type { Problem } from './load.ts'

/** Keys of every server that listens: broker and nameserver alike. */
export const networkKeys = {
  serverChannelMaxIdleTimeSeconds: key({
    default: 120,
    min: 1,
    max: 86_400,
    unit: 's',
    change: 'restart',
    meaning: 'a connection without traffic for so long is closed',
  }),
  maxConnectionNum: key({
    default: 10_000,
    min: 16,
    max: 1_000_000,
    aliases: ['connectionsMax'],
    change: 'restart',
    meaning: 'connections at most; more are closed at once',
  }),
  shutdownWaitTimeSeconds: key({
    default: 30,
    min: 0,
    max: 600,
    unit: 's',
    change: 'restart',
    meaning: 'time that requests under way have to finish at shutdown',
  }),
}

/** What tunes Netty, the JVM or the client inside a Java server. */
export const ignoredNetworkKeys = [
  ...ignoredKeys(
    'one event loop reads, serves and writes: no threads, semaphores or buffer pools to size',
    'silent',
    `serverWorkerThreads=8 serverCallbackExecutorThreads=0 serverSelectorThreads=3 serverOnewaySemaphoreValue=256
    serverAsyncSemaphoreValue=64 serverNettyWorkerGroupEnable=true serverPooledByteBufAllocatorEnable=true
    useEpollNativeSelector=false clientWorkerThreads=4 clientCallbackExecutorThreads=2
    clientOnewaySemaphoreValue=65535 clientAsyncSemaphoreValue=65535 clientPooledByteBufAllocatorEnable=false
    disableCallbackExecutor=false disableNettyWorkerGroup=false`,
  ),
  ...ignoredKeys(
    'socket buffers and backlog are fixed or left to the operating system, back-pressure has limits of its own',
    'silent',
    `serverSocketBacklog=1024 serverSocketSndBufSize=0 serverSocketRcvBufSize=0 clientSocketSndBufSize=0 clientSocketRcvBufSize=0
    writeBufferHighWaterMark=0 writeBufferLowWaterMark=0`,
  ),
  ...ignoredKeys(
    'connections to other servers are dialled on demand and closed when they fail',
    'silent',
    `connectTimeoutMillis=3000 channelNotActiveInterval=60000 isScanAvailableNameSrv=true
    clientChannelMaxIdleTimeSeconds=120 clientCloseSocketIfTimeout=true maxReconnectIntervalTimeSeconds=60
    enableReconnectForGoAway=true`,
  ),
  ...ignoredKeys('a shutdown is always graceful', 'silent', 'enableShutdownGracefully=false'),
  ...ignoredKeys('proxies are not used between servers', 'warning', 'socksProxyConfig={}'),
  ...ignoredKeys(
    'TLS is not built yet: going on would send in the clear what should be encrypted',
    'refused',
    'useTLS=false',
  ),
]

/** Said at every start of a server that others than this machine can reach. */
export function opennessWarnings(
  { bindAddress }: { readonly bindAddress: string },
  sources: ReadonlyMap<string, string>,
): readonly Problem[] {
  if (isLoopback(bindAddress)) return []
  const problem = `${bindAddress}: whoever reaches this address may send, read and administer; access control is not built yet`
  return [{ place: sources.get('bindAddress') ?? '', key: 'bindAddress', problem }]
}
