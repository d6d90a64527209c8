import { javaHash } from '../base/java-hash.ts'
import type { SubscriptionData } from '../remoting/bodies/heartbeat.ts'

/** What a heartbeat says of one subscribed topic. `*` has empty sets (FilterAPI.buildSubscriptionData). Pure. */
export function subscriptionData(topic: string, expression: string, version: number): SubscriptionData {
  const isAll = expression === '*' || expression.trim() === ''
  const tags = isAll
    ? []
    : expression
        .split('||')
        .map((tag) => tag.trim())
        .filter((tag) => tag !== '')
  return {
    topic,
    subString: isAll ? '*' : expression,
    tagsSet: tags,
    codeSet: tags.map(javaHash),
    subVersion: version,
    expressionType: 'TAG',
    classFilterMode: false,
  }
}
