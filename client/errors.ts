/** All errors of this client, one sentence each. RequestError (a broker said no) and ConnectionError (nobody answered) come from remoting/. */

/** The nameservers know no route for the topic, and it may not be created. */
export class TopicNotFoundError extends Error {
  override name = 'TopicNotFoundError'
  readonly topic: string
  constructor(topic: string, nameservers: string) {
    super(
      `topic ${topic} is not known to ${nameservers}: create it, or allow automatic creation on the broker`,
    )
    this.topic = topic
  }
}

/** All attempts of a send failed; `cause` is the last failure, whose outcome may be unknown. */
export class SendError extends Error {
  override name = 'SendError'
  readonly topic: string
  readonly attempts: number
  constructor(topic: string, attempts: number, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`could not send to ${topic} in ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}: ${why}`, {
      cause,
    })
    this.topic = topic
    this.attempts = attempts
  }
}

/** A message that no broker would take: nothing was sent. */
export class IllegalMessageError extends Error {
  override name = 'IllegalMessageError'
}

/** The producer, consumer or client was closed. */
export class ClosedError extends Error {
  override name = 'ClosedError'
}
