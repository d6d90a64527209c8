const COMMON = `  -c, --configFile FILE       RocketMQ's properties file
  -p, --printConfigItem       print every key with value, default, unit and origin, and exit
  -m, --printImportantConfig  the same for the important keys
      --log-level LEVEL       error, warn, info (default) or debug
      --log-format FORMAT     text (default on a terminal) or json
  -h, --help`

export const nameserverHelp = `mqnamesrv: a nameserver for stock RocketMQ brokers and clients

  mqnamesrv
  mqnamesrv -c conf/namesrv.conf

${COMMON}

It listens on 127.0.0.1:9876. For other machines set bindAddress=0.0.0.0 in FILE.
Stop it with Ctrl-C, or with: mqshutdown namesrv`

export const brokerHelp = `mqbroker: a broker for stock RocketMQ clients

  mqbroker -n localhost:9876
  mqbroker -n localhost:9876 -c conf/broker.conf

  -n, --namesrvAddr LIST      nameservers to register with, separated by ";" (default: NAMESRV_ADDR)
${COMMON}

It listens on 127.0.0.1:10911 and keeps its data in ~/store. For other machines set brokerIP1 in FILE to an
address of this machine. Stop it with Ctrl-C, or with: mqshutdown broker`
