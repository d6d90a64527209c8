import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  isKnownRequest,
  ResponseCode,
  requestName,
  responseName,
  widenRequestCode,
} from '../../remoting/codes.ts'
import { languageCode, languageName, languageOf } from '../../remoting/languages.ts'
import { requestList } from '../../remoting/request-list.ts'
import { OUR_VERSION, versionName } from '../../remoting/versions.ts'

test('every file of requests/ is one request of the list, under its own name and code', () => {
  const files = readdirSync(join(import.meta.dirname, '../../remoting/requests')).sort()
  const names = requestList.map(({ name }) => `${name.toLowerCase().replaceAll('_', '-')}.ts`).sort()
  assert.deepEqual(files, names)
  assert.equal(new Set(requestList.map(({ code }) => code)).size, requestList.length)
  for (const { code, name } of requestList) assert.equal(requestName(code), name)
})

test('no field of a header is called like a member of every object', () => {
  for (const { header, reply } of requestList)
    for (const table of [header, reply])
      for (const [name, field] of Object.entries(table))
        assert(!((field.wireName ?? name) in Object.prototype), name)
})

test('unknown codes go by their number', () => {
  assert.equal(requestName(310), 'SEND_MESSAGE_V2')
  assert.equal(requestName(99_999), '99999')
  assert(isKnownRequest(10) && !isKnownRequest(99_999))
  assert.equal(responseName(ResponseCode.TOPIC_NOT_EXIST), 'TOPIC_NOT_EXIST')
  assert.equal(responseName(-7), '-7')
})

test('the 16 bits that a binary header leaves of the POP codes are widened, others not', () => {
  for (const code of [200_050, 200_051, 200_052, 200_053, 200_054, 200_055, 200_056, 200_151])
    assert.equal(widenRequestCode(code & 0xffff), code)
  assert.equal(200_050 & 0xffff, 3442)
  for (const code of [0, 10, 310, 3001, 3441, -1]) assert.equal(widenRequestCode(code), code)
})

test('unknown languages are OTHER, by name and by number', () => {
  assert.equal(languageCode('GO'), 9)
  for (const name of ['KLINGON', undefined, null, {}, 99, -1, 1.5]) assert.equal(languageCode(name), 7)
  assert.equal(languageCode(1), 1)
  assert.equal(languageOf(200), 7)
  assert.equal(languageName(200), 'OTHER')
})

test('versions have names where they are releases', () => {
  assert.equal(versionName(OUR_VERSION), 'V5_3_3')
  assert.equal(versionName(-1), '-1')
})
