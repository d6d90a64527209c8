import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alterAttributes, parseAttributeChanges } from '../../broker/topic-attributes.ts'

const alter = (current: Record<string, string> | undefined, text: string): Record<string, string> => ({
  ...alterAttributes(current, parseAttributeChanges(text)),
})

test('a new topic gets what is added', () => {
  assert.deepEqual(alter(undefined, '+message.type=FIFO'), { 'message.type': 'FIFO' })
  assert.deepEqual(alter(undefined, ' +message.type = DELAY , +reserve.time=-1 '), {
    'message.type': 'DELAY',
    'reserve.time': '-1',
  })
  assert.deepEqual(alter(undefined, ''), {})
})

test('an existing topic keeps, changes and loses attributes', () => {
  const current = { 'message.type': 'FIFO', 'reserve.time': '5' }
  assert.deepEqual(alter(current, ''), current)
  assert.deepEqual(alter(current, '+message.type=NORMAL'), { ...current, 'message.type': 'NORMAL' })
  assert.deepEqual(alter(current, '-message.type'), { 'reserve.time': '5' })
})

test('bad attributes are refused with 29 and the rule', () => {
  const refused = (current: Record<string, string> | undefined, text: string, remark: RegExp): void => {
    assert.throws(() => alter(current, text), { code: 29, remark })
  }
  refused(undefined, 'message.type=FIFO', /\+key=value/)
  refused(undefined, '+message.type', /\+key=value/)
  refused(undefined, '+', /\+key=value/)
  refused(undefined, '+colour=red', /unsupported key.*message\.type/)
  refused(undefined, '+__proto__=red', /unsupported key/)
  refused(undefined, '+message.type=MIXED', /MIXED.*FIFO/)
  refused(undefined, '+queue.type=BatchCQ', /SimpleCQ/)
  refused(undefined, '+reserve.time=soon', /-1 or a number/)
  refused(undefined, '-message.type', /only add attribute/)
  refused(undefined, '+message.type=FIFO,+message.type=NORMAL', /twice/)
  refused({}, '+queue.type=SimpleCQ', /unchangeable/)
  refused({}, `+message.type=${'x'.repeat(5000)}`, /4096/)
})
