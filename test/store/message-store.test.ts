import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queueOffset } from '../../base/units.ts'
import { decodeRecord } from '../../message/record.ts'
import type { Store } from '../../store/store.ts'
import { message, openTestStore, temporaryFolder } from '../support/store-fixture.ts'

const getAll = async (store: Store, topic = 'TopicTest', queueId = 0, from = 0): Promise<string[]> => {
  const bodies: string[] = []
  for (let offset = from; ; ) {
    const result = await store.get({
      topic,
      queueId,
      offset: queueOffset(offset),
      maxCount: 32,
      maxBytes: 1 << 20,
    })
    if (result.status !== 'found') return bodies
    for (const record of result.records) {
      const found = decodeRecord(record, 0)
      assert.equal(found.queueOffset, offset++)
      bodies.push(Buffer.from(found.body).toString())
    }
    assert.equal(result.nextOffset, offset)
  }
}

test('what was put is read back, before and after a restart', async (t) => {
  const folder = await temporaryFolder(t)
  const bodies = Array.from({ length: 500 }, (_, index) => `body ${index} ${'x'.repeat(index)}`)
  const store = await openTestStore(folder)
  const results = await Promise.all(bodies.map((body) => store.put(message({ body: Buffer.from(body) }))))
  assert.deepEqual(
    results.map((result) => result.queueOffset),
    bodies.map((_, index) => index),
  )
  assert.deepEqual(await getAll(store), bodies)
  await store.close()

  const again = await openTestStore(folder)
  assert.deepEqual(await getAll(again), bodies)
  const more = await again.put(message({ body: Buffer.from('more') }))
  assert.equal(more.queueOffset, bodies.length)
  assert.deepEqual(await getAll(again), [...bodies, 'more'])
  await again.close()
})
