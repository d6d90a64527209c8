import { type IgnoredKey, ignoredKeys } from './keys.ts'
import { ignoredNetworkKeys } from './network.ts'

/** Keys that tune the Java implementation: another implementation has nothing to tune there. */
const tuning = [
  ...ignoredKeys(
    'one event loop serves all requests: no thread pools or queues to size',
    'silent',
    `sendMessageThreadPoolNums=4 putMessageFutureThreadPoolNums=4 pullMessageThreadPoolNums=24
    litePullMessageThreadPoolNums=24 ackMessageThreadPoolNums=16 processReplyMessageThreadPoolNums=24
    queryMessageThreadPoolNums=12 adminBrokerThreadPoolNums=16 clientManageThreadPoolNums=32
    consumerManageThreadPoolNums=32 loadBalanceProcessorThreadPoolNums=32 heartbeatThreadPoolNums=4
    recoverThreadPoolNums=32 endTransactionThreadPoolNums=16 sendThreadPoolQueueCapacity=10000
    putThreadPoolQueueCapacity=10000 pullThreadPoolQueueCapacity=100000 litePullThreadPoolQueueCapacity=100000
    ackThreadPoolQueueCapacity=100000 replyThreadPoolQueueCapacity=10000 queryThreadPoolQueueCapacity=20000
    clientManagerThreadPoolQueueCapacity=1000000 consumerManagerThreadPoolQueueCapacity=1000000
    heartbeatThreadPoolQueueCapacity=50000 endTransactionPoolQueueCapacity=100000
    adminBrokerThreadPoolQueueCapacity=10000 loadBalanceThreadPoolQueueCapacity=100000 compactionThreadNum=6
    timerGetMessageThreadNum=3 timerPutMessageThreadNum=3 dispatchCqThreads=10 dispatchCqCacheNum=4096
    batchDispatchRequestThreadPoolNums=16 enableBuildConsumeQueueConcurrently=false topicQueueLockNum=32
    asyncSendEnable=true enableFastChannelEventProcess=false`,
  ),
  ...ignoredKeys(
    'a request never waits in a queue of threads; overload is answered SYSTEM_BUSY by pendingBytesMax',
    'silent',
    `brokerFastFailureEnable=true waitTimeMillsInSendQueue=200 waitTimeMillsInPullQueue=5000
    waitTimeMillsInLitePullQueue=5000 waitTimeMillsInHeartbeatQueue=31000 waitTimeMillsInTransactionQueue=3000
    waitTimeMillsInAckQueue=3000 waitTimeMillsInAdminBrokerQueue=5000 osPageCacheBusyTimeOutMills=1000
    maxAsyncPutMessageRequests=5000 putMessageTimeout=8000 enableNetWorkFlowControl=false`,
  ),
  ...ignoredKeys(
    'files are written with system calls: nothing is mapped, warmed, swapped, locked or pooled',
    'silent',
    `transientStorePoolEnable=false transientStorePoolSize=5 fastFailIfNoBufferInStorePool=false
    transferMsgByHeap=true warmMapedFileEnable=false flushLeastPagesWhenWarmMapedFile=4096
    mappedFileSwapEnable=true commitLogForceSwapMapInterval=43200000 commitLogSwapMapInterval=3600000
    commitLogSwapMapReserveFileNum=100 logicQueueForceSwapMapInterval=43200000 logicQueueSwapMapInterval=3600000
    cleanSwapedMapInterval=300000 logicQueueSwapMapReserveFileNum=20 useReentrantLockWhenPutMessage=true
    useABSLock=false spinLockCollisionRetreatOptimalDegree=1000 debugLockEnable=false
    putConsumeQueueDataByFileChannel=true commitIntervalCommitLog=200 commitCommitLogLeastPages=4
    commitCommitLogThoroughInterval=200 wakeCommitWhenPutMessage=true wakeFlushWhenPutMessage=false
    dataReadAheadEnable=true searchBcqByCacheEnable=true writeWithoutMmap=false`,
  ),
  ...ignoredKeys(
    'flushing takes whatever is there: a group commit has no page counts and no thorough rounds',
    'silent',
    `flushCommitLogTimed=true flushCommitLogLeastPages=4 flushCommitLogThoroughInterval=10000
    flushIntervalConsumeQueue=1000 flushConsumeQueueLeastPages=2 flushConsumeQueueThoroughInterval=60000`,
  ),
  ...ignoredKeys(
    'memory for hot messages is set by tailCacheBytes and blockCacheBytes',
    'silent',
    `accessMessageInMemoryMaxRatio=40 accessMessageInMemoryHotRatio=26 maxConsumeQueueScan=20000
    sampleCountThreshold=5000 sampleSteps=32 travelCqFileNumWhenGetMessage=1 estimateAccumulation=true`,
  ),
  ...ignoredKeys(
    'queues and index are always built from the log in order, right behind the writes',
    'silent',
    `putMsgIndexHightWater=600000 dispatchFromSenderThread=false enableAsyncReput=true
    recheckReputOffsetFromCq=false readUnCommitted=false diskFallRecorded=true messageIndexSafe=false`,
  ),
  ...ignoredKeys(
    'expired files are deleted in bounded steps and never while somebody reads them',
    'silent',
    `cleanResourceInterval=10000 deleteCommitLogFilesInterval=100 deleteConsumeQueueFilesInterval=100
    destroyMapedFileIntervalForcibly=120000 redeleteHangedFileInterval=120000 deleteFileBatchMax=10
    maxBatchDeleteFilesNum=50 correctLogicMinOffsetSleepInterval=1 correctLogicMinOffsetForceInterval=300000
    enableCleanExpiredOffset=false replicasPerDiskPartition=1 logicalDiskSpaceCleanForciblyThreshold=0.8`,
  ),
  ...ignoredKeys(
    'recovery always checks every record above the durable watermark, and only that',
    'silent',
    `checkCRCOnRecover=true maxRecoveryCommitlogFiles=30 recoverConcurrently=false maxChecksumRange=1073741824
    disappearTimeAfterStart=-1`,
  ),
  ...ignoredKeys(
    'tables are kept in the log and written out when they change',
    'silent',
    `flushConsumerOffsetInterval=5000 flushConsumerOffsetHistoryInterval=60000 flushDelayOffsetInterval=10000 consumerOffsetUpdateVersionStep=500
    delayOffsetUpdateVersionStep=200 transactionMetricFlushInterval=3000`,
  ),
  ...ignoredKeys(
    'a pull answer has the same limits from memory and from disk (…InMemory), and so has what a filter looks at',
    'silent',
    'maxTransferBytesOnMessageInDisk=65536 maxTransferCountOnMessageInDisk=8 maxFilterMessageSize=16000',
  ),
  ...ignoredKeys(
    'a subscription is forgotten with the last client that has it',
    'silent',
    'subscriptionExpiredTimeout=600000',
  ),
  ...ignoredKeys(
    'every topic is registered with all nameservers in one request of the current form',
    'silent',
    `compressedRegister=false forceRegister=true compatibleWithOldNameSrv=true enableSingleTopicRegister=false
    enableSplitRegistration=false splitRegistrationSize=800 enableRegisterProducer=true enableCreateSysGroup=true
    isInBrokerContainer=false`,
  ),
  ...ignoredKeys(
    'statistics are always kept, in bounded memory',
    'silent',
    `enableDetailStat=true autoDeleteUnusedStats=true accountStatsEnable=true accountStatsPrintZeroValues=true
    maxStatsIdleTimeInMinutes=-1 commercialBaseCount=1 commercialSizePerMsg=4096 commercialTimerCount=1
    commercialTransCount=1 commercialBigCount=1 enableScheduleMessageStats=true isolateLogEnable=false
    printChannelGroups=false printChannelGroupsMinNum=5 enableLmqStats=false`,
  ),
  ...ignoredKeys(
    'metrics are always there to be fetched, on metricsPort',
    'silent',
    `metricsExporterType=DISABLE metricsOtelCardinalityLimit=50000 metricsInDelta=false
    metricLoggingExporterIntervalInMills=10000 metricGrpcExporterTimeOutInMills=3000
    metricGrpcExporterIntervalInMills=60000`,
  ),
  ...ignoredKeys(
    'follows from storePathRootDir, as in RocketMQ 5',
    'silent',
    'storePathConsumeQueue= storePathIndex= storeCheckpoint= abortFile=',
  ),
  ...ignoredKeys('is dead since RocketMQ 4.3', 'silent', 'checkTransactionMessageEnable=true'),
  ...ignoredKeys(
    'has no meaning outside the Java program',
    'silent',
    `brokerConfigPath= rocketmqHome= messageStorePlugIn= highSpeedMode=false`,
  ),
]

/** Keys that ask for something this version does not do: a warning when they are set to something. */
const missing = [
  ...ignoredKeys(
    'this key of RocketMQ 4 is dead since 5.3 (there: authenticationEnabled and authorizationEnabled)',
    'warning',
    'aclEnable=false',
  ),
  ...ignoredKeys(
    'filters by SQL92 are not built yet',
    'warning',
    `enablePropertyFilter=false enableCalcFilterBitMap=false expectConsumerNumUseFilter=32
    maxErrorRateOfBloomFilter=20 filterDataCleanTimeSpan=86400000 filterSupportRetry=false
    enableConsumeQueueExt=false mappedFileSizeConsumeQueueExt=50331648 bitMapLengthConsumeQueueExt=64`,
  ),
  ...ignoredKeys(
    'transactions are not built yet',
    'warning',
    `rejectTransactionMessage=false transactionTimeOut=6000 transactionCheckMax=15
    transactionCheckInterval=30000 transactionOpMsgMaxSize=4096 transactionOpBatchInterval=3000`,
  ),
  ...ignoredKeys(
    'timer messages are not built yet',
    'warning',
    `timerWheelEnable=true timerMaxDelaySec=259200 timerPrecisionMs=1000 timerRollWindowSlot=172800
    timerFlushIntervalMs=1000 timerEnableDisruptor=false timerEnableCheckMetrics=true
    timerInterceptDelayLevel=false timerStopEnqueue=false timerStopDequeue=false timerCheckMetricsWhen=05
    timerSkipUnknownError=false timerWarmEnable=false timerEnableRetryUntilSuccess=false
    timerCongestNumEachSlot=2147483647 timerMetricSmallThreshold=1000000 timerProgressLogIntervalMs=10000
    mappedFileSizeTimerLog=104857600 recallMessageEnable=false allowRecallWhenBrokerNotWriteable=true
    timerColdDataCheckIntervalMs=60000`,
  ),
  ...ignoredKeys(
    'pop consumption is not built yet',
    'warning',
    `popPollingSize=1024 popPollingMapSize=100000 maxPopPollingSize=100000 reviveInterval=1000 reviveMaxSlow=3
    reviveScanTime=10000 enableSkipLongAwaitingAck=false reviveAckWaitMs=180000 enablePopLog=false
    enablePopBufferMerge=false popCkStayBufferTime=10000 popCkStayBufferTimeOut=3000 popCkMaxBufferSize=200000
    popCkOffsetMaxQueueSize=20000 enablePopBatchAck=false popLongPollingForceNotifyInterval=800
    enableNotifyBeforePopCalculateLag=true enableNotifyAfterPopOrderLockRelease=true
    initPopOffsetByCheckMsgInMem=true retrieveMessageFromPopRetryTopicV1=true enableRetryTopicV2=false
    popFromRetryProbability=20 popConsumerFSServiceInit=true popConsumerKVServiceLog=false
    popConsumerKVServiceInit=false popConsumerKVServiceEnable=false popReviveMaxReturnSizePerRead=16384
    popReviveMaxAttemptTimes=16 popResponseReturnActualRetryTopic=false popInflightMessageThreshold=10000
    enablePopMessageThreshold=false skipWhenCKRePutReachMaxTimes=false appendAckAsync=false
    appendCkAsync=false defaultMessageRequestMode=PULL defaultPopShareQueueNum=-1
    clearRetryTopicWhenDeleteTopic=true
    serverLoadBalancerEnable=true loadBalancePollNameServerInterval=30000`,
  ),
  ...ignoredKeys(
    'replication is not built yet',
    'warning',
    `slaveReadEnable=false slaveTimeout=3000 haMasterAddress= haSendHeartbeatInterval=5000
    haHousekeepingInterval=20000 haTransferBatchSize=32768 haMaxGapNotInSync=268435456
    haFlowControlEnable=false maxHaTransferByteInSecond=104857600 haMaxTimeSlaveNotCatchup=15000
    totalReplicas=1 inSyncReplicas=1 minInSyncReplicas=1 allAckInSyncStateSet=false
    enableAutoInSyncReplicas=false duplicationEnable=false offsetCheckInSlave=false lockInStrictMode=false
    syncBrokerMemberGroupPeriod=1000 enableSlaveActingMaster=false enableRemoteEscape=false
    skipPreOnline=false forwardTimeout=3000 brokerHeartbeatInterval=1000 brokerNotActiveTimeoutMillis=10000
    sendHeartbeatTimeoutMillis=1000 cleanOfflineBrokerInterval=30000 syncMasterFlushOffsetWhenStartup=false
    maxSlaveResendLength=268435456 syncFromLastFile=false asyncLearner=false storePathEpochFile=
    storePathBrokerIdentity= syncBrokerMetadataPeriod=5000 checkSyncStateSetPeriod=5000
    syncControllerMetadataPeriod=10000 controllerAddr= controllerHeartBeatTimeoutMills=10000
    fetchControllerAddrByDnsLookup=false brokerElectionPriority=2147483647`,
  ),
  ...ignoredKeys(
    'flow control of consumers that are far behind is not built yet',
    'warning',
    `disableConsumeIfConsumerReadSlowly=false consumerFallbehindThreshold=17179869184
    coldCtrStrategyEnable=false usePIDColdCtrStrategy=true cgColdReadThreshold=3145728
    globalColdReadThreshold=104857600 coldDataFlowControlEnable=false coldDataScanEnable=false`,
  ),
  ...ignoredKeys(
    'nameservers are named by namesrvAddr only',
    'warning',
    `fetchNameSrvAddrByDnsLookup=false fetchNamesrvAddrByAddressServer=false fetchNamesrvAddrInterval=10000
    updateNameServerAddrPeriod=120000 rmqAddressServerDomain= rmqAddressServerSubGroup=`,
  ),
  ...ignoredKeys(
    'light queues, batch queues, compaction and static topics are not built yet',
    'warning',
    `enableLmq=false enableMultiDispatch=false maxLmqConsumeQueueNum=20000 enableBatchPush=false
    mapperFileSizeBatchConsumeQueue=13800000 enableCompaction=true compactionMappedFileSize=104857600
    compactionCqMappedFileSize=10485760 compactionScheduleInternal=900000 maxOffsetMapSize=104857600`,
  ),
  ...ignoredKeys(
    'subscriptions come from the heartbeats of the consumers',
    'warning',
    'useStaticSubscription=false enableMixedMessageType=false',
  ),
  ...ignoredKeys('request-reply is not built yet', 'warning', 'storeReplyMessageEnable=true'),
  ...ignoredKeys(
    'offsets of broadcast consumers are kept by the consumers',
    'silent',
    'enableBroadcastOffsetStore=true broadcastOffsetExpireSecond=120 broadcastOffsetExpireMaxSecond=300',
  ),
  ...ignoredKeys(
    'delayed messages are delivered in order, one after the other',
    'warning',
    `enableScheduleAsyncDeliver=false scheduleAsyncDeliverMaxPendingLimit=2000
    scheduleAsyncDeliverMaxResendNum2Blocked=3`,
  ),
  ...ignoredKeys(
    'lengths and checksums of records are those of RocketMQ 5.3 by default',
    'warning',
    `maxTopicLength=127 autoMessageVersionOnTopicLen=true enabledAppendPropCRC=false forceVerifyPropCRC=false`,
  ),
  ...ignoredKeys(
    'metrics are fetched from metricsPort, not pushed',
    'warning',
    'metricsGrpcExporterTarget= metricsGrpcExporterHeader= metricsLabel=',
  ),
  ...ignoredKeys('the commit log has one folder', 'warning', 'readOnlyCommitLogStorePaths='),
  ...ignoredKeys(
    'there is no RocksDB here',
    'silent',
    `cleanRocksDBDirtyCQIntervalMin=60 statRocksDBCQIntervalSec=10 memTableFlushIntervalMs=3600000
    realTimePersistRocksDBConfig=true enableRocksDBLog=false bottomMostCompressionTypeForConsumeQueueStore=zstd
    rocksdbCompressionType=lz4 rocksdbFlushWalFrequency=1024 rocksdbWalFileRollingThreshold=1073741824
    rocksdbCQDoubleWriteEnable=false`,
  ),
]

/** Keys whose promise would be broken in silence if the broker started without them. */
const refused = [
  ...ignoredKeys(
    'access control is not built yet: going on would open to everybody what should be closed',
    'refused',
    `authenticationEnabled=false authorizationEnabled=false migrateAuthFromV1Enabled=false`,
  ),
  ...ignoredKeys(
    'access control is not built yet',
    'warning',
    `initAuthenticationUser= innerClientAuthenticationCredentials= authConfigPath= authenticationProvider=
    authenticationMetadataProvider= authenticationStrategy= authenticationWhitelist= authorizationProvider=
    authorizationMetadataProvider= authorizationStrategy= authorizationWhitelist=`,
  ),
  ...ignoredKeys(
    'DLedger is not supported: messages would be on one disk where several were meant',
    'refused',
    'enableDLegerCommitLog=false',
  ),
  ...ignoredKeys(
    'DLedger is not supported',
    'silent',
    'dLegerGroup= dLegerPeers= dLegerSelfId= preferredLeaderId= storePathDLedgerCommitLog=',
  ),
  ...ignoredKeys(
    'there is no controller: roles would never be decided',
    'refused',
    'enableControllerMode=false',
  ),
  ...ignoredKeys(
    'only the default form of the store exists here',
    'refused',
    'storeType=default configManagerVersion=v1',
  ),
]

/** The keys of RocketMQ 5.3's broker that a file may hold and that do nothing here. */
export const ignoredBrokerKeys: ReadonlyMap<string, IgnoredKey> = new Map([
  ...ignoredNetworkKeys,
  ...tuning,
  ...missing,
  ...refused,
])
