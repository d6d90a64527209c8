import type {
  ConsumeFromWhere,
  ConsumeType,
  MessageModel,
  SubscriptionData,
} from '../remoting/bodies/heartbeat.ts'
import type { Peer } from '../remoting/peer.ts'

export interface ConsumerMember {
  readonly peer: Peer
  readonly clientId: string
  lastBeatAtMs: number
}

export interface ConsumerGroupInfo {
  readonly messageModel: MessageModel
  readonly consumeType: ConsumeType
  readonly consumeFromWhere: ConsumeFromWhere
  /** By peer id: the connection is the identity, not the client id. */
  readonly members: ReadonlyMap<number, ConsumerMember>
}

/** Who is connected: consumers and producers by group. Memory only. */
export class ClientTable {
  subscription(_group: string, _topic: string): SubscriptionData | undefined {
    return undefined
  }

  group(_group: string): ConsumerGroupInfo | undefined {
    return undefined
  }

  /** Client ids of a group without duplicates; empty when nobody is online. */
  consumerIds(_group: string): string[] {
    return []
  }

  /** Connections of a producer group, in no order. */
  producersOf(_group: string): Peer[] {
    return []
  }

  tick(_nowMonotonicMs: number): void {}
}
