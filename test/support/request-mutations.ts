import type { Field } from '../../remoting/fields.ts'
import { requestList } from '../../remoting/request-list.ts'
import { seededRandom } from './random.ts'

/** A topic and a group that exist, so that requests get past the first check. */
export const SAMPLE_TOPIC = 'sample-topic'
export const SAMPLE_GROUP = 'sample-group'

const SAMPLES: Readonly<Record<string, string>> = {
  topic: SAMPLE_TOPIC,
  originTopic: SAMPLE_TOPIC,
  defaultTopic: 'TBW102',
  topicFilterType: 'SINGLE_TAG',
  perm: '6',
  queueId: '0',
  subscription: '*',
  expressionType: 'TAG',
}

const isFlag = (field: Field<unknown>): boolean => !field.isFreeText && decodes(field, 'no flag at all')

function decodes(field: Field<unknown>, text: string): boolean {
  try {
    field.decode(text, '')
    return true
  } catch {
    return false
  }
}

function sampleOf(name: string, field: Field<unknown>): string {
  const known = SAMPLES[name]
  if (known !== undefined) return known
  if (/group/i.test(name)) return SAMPLE_GROUP
  if (isFlag(field)) return 'false'
  return field.isFreeText ? 'sample' : '1'
}

const headerOf = (code: number) => requestList.find((kind) => kind.code === code)?.header ?? {}

/** Every field of the request with a value that makes sense, by its name on the wire. */
export const sampleHeader = (code: number): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headerOf(code)).map(([name, field]) => [field.wireName ?? name, sampleOf(name, field)]),
  )

export interface HeaderMutation {
  readonly what: string
  readonly ext: Readonly<Record<string, string>>
  /** The field whose value cannot be read; the answer has to be 29 and name it. */
  readonly unreadable?: string
}

const NUMBERS = [
  '-1',
  '0',
  '2147483647',
  '-2147483648',
  '2147483648',
  '-2147483649',
  '9007199254740991',
  '9007199254740992',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '99999999999999999999999999',
]
const NO_NUMBERS = ['', ' 1', '1 ', 'x', '1.5', '1e3', '0x10', '+1', '--1', '١', 'null', 'NaN', '1\u0000']
const TEXTS = [
  '',
  '7',
  'null',
  '{}',
  '../../etc/passwd',
  '/',
  '..',
  'a b',
  'a\u0000b',
  '\u0001\u0002',
  'é€😀',
  '\ud800',
  '__proto__',
  'constructor',
  '%RETRY%',
  '%DLQ%',
  '*',
  'x'.repeat(128),
  'x'.repeat(20_000),
]

/** Each field missing, and with values that are no numbers, too large or odd; generated from the header table of the request. */
export function headerMutations(code: number): HeaderMutation[] {
  const sample = sampleHeader(code)
  const mutations: HeaderMutation[] = [{ what: 'as it should be', ext: sample }]
  for (const [name, field] of Object.entries(headerOf(code))) {
    const wireName = field.wireName ?? name
    const { [wireName]: _left, ...others } = sample
    mutations.push({
      what: `without ${name}`,
      ext: others,
      ...(field.isOptional ? undefined : { unreadable: name }),
    })
    const texts = field.isFreeText || isFlag(field) ? TEXTS : [...NUMBERS, ...NO_NUMBERS]
    for (const text of texts)
      mutations.push({
        what: `with ${name}=${JSON.stringify(text.slice(0, 30))}`,
        ext: { ...others, [wireName]: text },
        ...(decodes(field, text) ? undefined : { unreadable: name }),
      })
  }
  return mutations
}

const DEEP = 100_000
const DEEP_MEMBER = 20_000

/** Bodies that are none, no JSON, JSON of the wrong kind, or made to hurt whoever reads them. */
export function oddBodies(): readonly (readonly [what: string, body: Uint8Array])[] {
  const random = seededRandom(4711)
  const texts: readonly (readonly [string, string])[] = [
    ['no body', ''],
    ['spaces', ' \n\t'],
    ['an empty object', '{}'],
    ['an empty list', '[]'],
    ['null', 'null'],
    ['a number', '-0'],
    ['a text', '"x"'],
    ['cut JSON', '{"consumerGroup":"G","mqSet":[{"topic":'],
    ['trailing commas', '{"clientID":"x",,,}'],
    ['a deep list', '['.repeat(DEEP)],
    ['a deep closed list', '['.repeat(DEEP) + ']'.repeat(DEEP)],
    ['a deep object', '{"a":'.repeat(DEEP)],
    ['a deep bare object', '{a:'.repeat(DEEP)],
    ['an object as a key of a key', '{'.repeat(DEEP)],
    ['objects as keys of keys', `${'{'.repeat(40)}a:1${'}:1'.repeat(39)}}`],
    ['depth where a text belongs', everyMember('['.repeat(DEEP_MEMBER) + ']'.repeat(DEEP_MEMBER))],
    ['objects where texts and lists belong', everyMember('{"x":{}}')],
    ['numbers beyond all bounds', everyMember('1e999')],
    ['texts beyond all bounds', everyMember(`"${'9'.repeat(5000)}"`)],
    ['nulls', everyMember('null')],
    ['lists of nothing', everyMember('[null,[],{},"",0]')],
    ['names of object members', '{"__proto__":{"clientID":"x"},"constructor":{"prototype":{"y":1}}}'],
  ]
  return [
    ...texts.map(([what, text]) => [what, Buffer.from(text)] as const),
    ['two megabytes', Buffer.alloc(2 * 1024 * 1024 + 1, '[')],
    ['bytes', Buffer.from(Array.from({ length: 300 }, () => random() * 256))],
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0xc0, 0x80, 0x7d])],
  ]
}

/** One object with this value under every name that bodies of clients and tools use. */
function everyMember(value: string): string {
  const names = [
    'clientID',
    'clientId',
    'consumerGroup',
    'consumerDataSet',
    'producerDataSet',
    'mqSet',
    'groupName',
    'groupConfigList',
    'groupRetryPolicy',
    'retryQueueNums',
    'attributes',
    'subscriptionDataSet',
    'topicConfigList',
    'topicConfigSerializeWrapper',
    'topicConfigTable',
    'dataVersion',
    'filterServerList',
    'queueDatas',
    'brokerDatas',
    'counter',
    'timestamp',
  ]
  return `{${names.map((name) => `"${name}":${value}`).join(',')}}`
}
