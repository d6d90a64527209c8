import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerKeySet } from '../../settings/broker.ts'
import { loadSettings } from '../../settings/load.ts'
import { printSettings } from '../../settings/print.ts'

const loaded = loadSettings(brokerKeySet, {
  files: [{ name: 'a.properties', text: 'brokerName=broker-a\nwarmMapedFileEnable=true\n' }],
  environment: { NAMESRV_ADDR: 'localhost:9876' },
  commandLine: [],
  surroundings: { hostName: 'box', homeFolder: '/home/me', firstAddress: '10.1.2.3' },
})

test('-m prints the important keys with value, default, unit and origin', () => {
  const lines = printSettings(brokerKeySet, loaded, 'important').split('\n')
  const line = (key: string): string => lines.find((text) => text.startsWith(`${key}=`)) ?? assert.fail(key)
  assert.match(line('brokerName'), /^brokerName=broker-a +a\.properties:1 +host name$/)
  assert.match(line('namesrvAddr'), /^namesrvAddr=localhost:9876 +environment NAMESRV_ADDR$/)
  assert.match(line('fileReservedTime'), /^fileReservedTime=72 +hours +default +72$/)
  assert(!lines.some((text) => text.startsWith('serverSocketBacklog=')))
})

test('-p prints every key, those without effect with the reason', () => {
  const text = printSettings(brokerKeySet, loaded, 'all')
  for (const name of Object.keys(brokerKeySet.keys)) assert(text.includes(`\n${name}=`), name)
  assert.match(text, /# files are written with system calls.*\n(#.*\n)*# {3}warmMapedFileEnable=true\n/)
})
