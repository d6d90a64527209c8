/** Timers are an argument like the clock: parts that wait get one handed down, tests hand down their own. */
export interface Timer {
  /** Calls `run` every `ms` until the returned function is called. Never keeps the process alive. */
  every(ms: number, run: () => void): () => void
  /** Calls `run` once after `ms` unless cancelled. */
  after(ms: number, run: () => void): () => void
}

export const systemTimer: Timer = {
  every(ms, run) {
    const handle = setInterval(run, ms)
    handle.unref()
    return () => clearInterval(handle)
  },
  after(ms, run) {
    const handle = setTimeout(run, ms)
    return () => clearTimeout(handle)
  },
}
